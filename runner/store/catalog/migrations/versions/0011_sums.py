"""Sums of rows, so that a flipped byte in one is seen."""

from typing import Any

from alembic import op

from runner.store.catalog.sums import sum_table

revision = "0011"
down_revision = "0010"

_TABLES = (
    *("access", "account", "attempt", "branch", "burst", "clock", "commits", "datum", "document", "doomed", "entry"),
    *("extent", "follow", "job", "job_input", "layer", "log_chunk", "meta", "observed", "part", "part_list"),
    *("pipeline", "pipeline_version", "produced", "project", "provenance", "queue", "registration", "repo", "run"),
    *("stack", "stop", "token", "trigger", "upload", "version"),
)


def upgrade() -> None:
    """Add the column, and sum the rows that are there, as they are."""
    db: Any = op.get_bind().connection.driver_connection
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER")
        sum_table(db, table)
