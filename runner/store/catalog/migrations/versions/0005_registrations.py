"""Registered pipelines apart from their triggers; wishes that a job ends; clocks."""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """CREATE TABLE registration (
    pipeline INTEGER NOT NULL,
    version INTEGER NOT NULL,
    is_stopped INTEGER NOT NULL,
    PRIMARY KEY (pipeline)
)
 WITHOUT ROWID,
 STRICT""",
    'INSERT INTO registration SELECT pipeline, max(version), 0 FROM "trigger" GROUP BY pipeline',
    'CREATE TEMPORARY TABLE kept AS SELECT project, repo, branch, pipeline FROM "trigger"',
    'DROP TABLE "trigger"',
    """CREATE TABLE "trigger" (
    project TEXT NOT NULL,
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    pipeline INTEGER NOT NULL,
    PRIMARY KEY (project, repo, branch, pipeline)
)
 WITHOUT ROWID,
 STRICT""",
    'INSERT INTO "trigger" SELECT project, repo, branch, pipeline FROM kept',
    "DROP TABLE kept",
    """CREATE TABLE stop (
    job INTEGER NOT NULL,
    reason TEXT NOT NULL,
    is_anew INTEGER NOT NULL,
    PRIMARY KEY (job)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE clock (
    project TEXT NOT NULL,
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    ticked_us INTEGER NOT NULL,
    PRIMARY KEY (project, repo, branch)
)
 WITHOUT ROWID,
 STRICT""",
)


def upgrade() -> None:
    """Move what triggers said of versions, and add the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
