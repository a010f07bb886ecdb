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
    """INSERT INTO datum (job, datum, hash, state, source, files, objects, bytes)
SELECT a.job, a.datum, NULL, CASE WHEN a.reason = '' THEN 1 ELSE 2 END, NULL, '[]', a.objects, a.bytes
FROM attempt a JOIN job j ON j.id = a.job AND j.finished_us IS NOT NULL
WHERE a.number = (SELECT max(number) FROM attempt b WHERE b.job = a.job AND b.datum = a.datum)
ORDER BY a.job, a.n""",
)


def upgrade() -> None:
    """Add the tables, with the datums of jobs that are over as far as their tries tell of them."""
    for statement in _STATEMENTS:
        op.execute(statement)
