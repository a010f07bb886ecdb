"""Accounts; what buckets have beside their objects; S3's versions of keys; triggers and the queue of their jobs."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    """CREATE TABLE document (
    repo INTEGER NOT NULL,
    branch TEXT NOT NULL,
    name TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (repo, branch, name)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE version (
    repo INTEGER NOT NULL,
    branch TEXT NOT NULL,
    "key" BLOB NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    content INTEGER,
    digest BLOB,
    size INTEGER,
    etag TEXT,
    modified_us INTEGER NOT NULL,
    meta BLOB,
    checksum TEXT,
    parts INTEGER,
    PRIMARY KEY (repo, branch, "key", seq)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE INDEX version_id ON version (repo, branch, "key", id)""",
    """CREATE TABLE account (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    UNIQUE (name)
)
 STRICT""",
    """CREATE TABLE token (
    digest BLOB NOT NULL,
    account INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    reads TEXT,
    PRIMARY KEY (digest)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE access (
    account INTEGER NOT NULL,
    repo INTEGER NOT NULL,
    level INTEGER NOT NULL,
    PRIMARY KEY (account, repo)
)
 WITHOUT ROWID,
 STRICT""",
    "CREATE INDEX access_repo ON access (repo)",
    """CREATE TABLE "trigger" (
    project TEXT NOT NULL,
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    pipeline INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (project, repo, branch, pipeline)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE queue (
    job INTEGER NOT NULL,
    PRIMARY KEY (job)
)
 WITHOUT ROWID,
 STRICT""",
)


def upgrade() -> None:
    """Add the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
