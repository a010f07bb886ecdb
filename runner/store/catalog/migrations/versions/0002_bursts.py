"""Bursts on branches; uploads belong to a place that may outlive a layer."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """CREATE TABLE burst (
    repo INTEGER NOT NULL,
    branch TEXT NOT NULL,
    layer INTEGER NOT NULL,
    opened_us INTEGER NOT NULL,
    PRIMARY KEY (repo, branch, layer)
)
 WITHOUT ROWID,
 STRICT""",
    "CREATE TEMPORARY TABLE kept AS SELECT * FROM upload",
    "DROP TABLE upload",
    """CREATE TABLE upload (
    id TEXT NOT NULL,
    place TEXT NOT NULL,
    "key" BLOB NOT NULL,
    meta BLOB,
    algorithm TEXT,
    checksum_type TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    completed BLOB,
    PRIMARY KEY (id)
)
 WITHOUT ROWID,
 STRICT""",
    """INSERT INTO upload SELECT id, 'layer-' || layer, "key", meta, algorithm, checksum_type, created_us, completed
FROM kept""",
    "DROP TABLE kept",
    """CREATE INDEX upload_key ON upload (place, "key", id)""",
)


def upgrade() -> None:
    """Add the table of bursts, and name the places of uploads."""
    for statement in _STATEMENTS:
        op.execute(statement)
