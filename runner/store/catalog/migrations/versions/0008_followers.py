"""Branches that go after others once a condition holds."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table."""
    op.execute("""CREATE TABLE follow (
    project TEXT NOT NULL,
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    pipeline INTEGER NOT NULL,
    PRIMARY KEY (project, repo, branch, pipeline)
)
 WITHOUT ROWID,
 STRICT""")
