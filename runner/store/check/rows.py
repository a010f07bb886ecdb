"""Rows: each is what was written, by the sum that it holds of itself."""

from __future__ import annotations

from collections.abc import Callable

from runner.store.catalog.query import Snapshot
from runner.store.catalog.sums import KEYS, is_right
from runner.store.check.naming import Naming, told
from runner.store.check.report import Report

ROWS_TOLD_MAX = 1000
"""Of one table; whoever damaged so many has damaged all of it."""


def count_rows(db: Snapshot) -> int:
    """Return how many rows have sums."""
    return sum(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in KEYS)  # noqa: S608  # as below


def check_rows(db: Snapshot, report: Report, *, breathe: Callable[[], None]) -> None:
    """Every row of every table with sums is what was written."""
    naming = Naming(db)
    for table, keys in KEYS.items():
        with report.section(f"table {table}"):
            statement = f"SELECT * FROM {table}"  # noqa: S608  # names of the catalog
            columns = tuple(column[0] for column in db.execute(f"{statement} LIMIT 0").description)
            told_of = 0
            for row in db.scan(statement):
                breathe()
                if not is_right(columns, row):
                    told_of += 1
                    if told_of > ROWS_TOLD_MAX:
                        report.tell(f"more rows of the table {table} were damaged", ["the whole store"])
                        break
                    found = dict(zip(columns, row, strict=True))
                    named = ", ".join(f"{key} {told(found[key])}" for key in keys)
                    touched = list(naming.of(table, found)) or ["nothing that is found by its number"]
                    report.tell(f"a row of the table {table} was damaged: {named}", touched)
