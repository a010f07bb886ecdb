"""The datums of jobs, and which keys they wrote."""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """CREATE TABLE datum (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL,
    datum TEXT NOT NULL,
    hash BLOB,
    state INTEGER NOT NULL,
    source INTEGER,
    files TEXT NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (job, datum)
)
 STRICT""",
    """CREATE TABLE produced (
    datum INTEGER NOT NULL,
    "key" BLOB NOT NULL,
    PRIMARY KEY (datum, "key")
)
 WITHOUT ROWID,
 STRICT""",
)


def upgrade() -> None:
    """Add the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
