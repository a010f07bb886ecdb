"""What each row of the catalog says of itself, so that a flipped byte in it is seen.

A column `crc` holds the CRC-32 of the form that `marshal` gives to the row's other columns, in their order in the
table.
It sees for certain whatever leaves that form as long as it was and changes it within 32 bits that follow each other:

- of a text or of bytes, damage within four bytes that leaves the size;
- of a whole number of 32 bits, any that leaves it one; of a larger one, whose form has 16 bits for every 15 of its own,
  any within 16 bits that leaves the sign and the count of these;
- of a fraction, any within 32 bits that leaves it one;
- and any damage of `crc` itself.

Of all other damage it misses one in 4,000,000,000: of what is longer or shorter than it was, is NULL or no longer so,
or differs in two places. 0.0 and -0.0 are one to it. Blobs and manifests have none, they are named by digests of what
they are, nor have the counts of jobs, which are compared with the jobs.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

from runner.model.errors import Corrupt

if TYPE_CHECKING:
    from runner.store.catalog.query import Connection

_MARSHAL_FORM = 2
"""Of https://docs.python.org/3/library/marshal.html: values alone, without references from one to another."""
_ROWS_AT_ONCE = 1000

KEYS: dict[str, tuple[str, ...]] = {
    "access": ("account", "repo"),
    "account": ("id",),
    "attempt": ("job", "datum", "number"),
    "branch": ("repo", "name"),
    "burst": ("repo", "branch", "layer"),
    "clock": ("project", "repo", "branch"),
    "commits": ("id",),
    "datum": ("id",),
    "difference": ("commit_id",),
    "document": ("repo", "branch", "name"),
    "doomed": ("kind", "name"),
    "entry": ("layer", "key"),
    "extent": ("manifest", "start"),
    "follow": ("project", "repo", "branch", "pipeline"),
    "job": ("id",),
    "job_input": ("job", "n"),
    "layer": ("id",),
    "log_chunk": ("job", "first_line"),
    "meta": ("name",),
    "observed": ("job", "input", "key", "op", "detail"),
    "part": ("upload", "n"),
    "part_list": ("id",),
    "pipeline": ("id",),
    "pipeline_version": ("pipeline", "version"),
    "produced": ("datum", "key"),
    "project": ("name",),
    "provenance": ("commit_id",),
    "queue": ("job",),
    "registration": ("pipeline",),
    "repo": ("id",),
    "run": ("layer",),
    "stack": ("job", "n"),
    "stop": ("job",),
    "token": ("digest",),
    "trigger": ("project", "repo", "branch", "pipeline"),
    "upload": ("id",),
    "version": ("repo", "branch", "key", "seq"),
}
"""The tables whose rows have sums, and what their rows are known by."""


class RowDamaged(Corrupt):
    """A row of the catalog is not what was written."""


def crc_of(values: Iterable[Any]) -> int:
    """Return the sum of a row: of integers, floats, texts, bytes and None, of these types exactly."""
    return crc32(marshal.dumps(tuple(values), _MARSHAL_FORM))


def sum_rows(db: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write the sums of *rows*, which have these *columns*: all of the table."""
    key, summed = _parts_of(table, tuple(columns))
    same = " AND ".join(f"{name} = ?" for name in KEYS[table])
    statement = f"UPDATE {table} SET crc = ? WHERE {same}"  # noqa: S608  # names of the catalog
    db.executemany(statement, [(crc_of(_plain(summed(row))), *key(row)) for row in rows])


def sum_table(db: Connection, table: str) -> None:
    """Sum all rows of a table as they are: for migrations, each of which changes the sums of the tables it changes."""
    cursor = db.execute(f"SELECT * FROM {table}")  # noqa: S608  # a name of the catalog
    columns = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        sum_rows(db, table, columns, rows)


def is_right(columns: Sequence[str], row: tuple[Any, ...]) -> bool:
    """Tell whether a row with all of its columns is what was written."""
    at = columns.index("crc")
    return bool(row[at] == crc_of(_plain(row[:at] + row[at + 1 :])))


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row with whole numbers as integers: what RETURNING gives of a REAL column of SQLite may be one."""
    return tuple([int(each) if type(each) is float and each.is_integer() else each for each in row])


_Picked = Callable[[Sequence[Any]], tuple[Any, ...]]


@cache
def _parts_of(table: str, columns: tuple[str, ...]) -> tuple[_Picked, _Picked]:
    """Return what picks the key out of a row, and what is summed."""
    keys = [columns.index(name) for name in KEYS[table]]
    others = [at for at, name in enumerate(columns) if name != "crc"]
    return (lambda row: tuple(row[at] for at in keys)), (lambda row: tuple(row[at] for at in others))
