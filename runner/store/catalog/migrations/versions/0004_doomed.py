"""What a collection found and will remove; a branch has one open commit at most."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table and the index."""
    op.execute("""CREATE TABLE doomed (
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
)
 WITHOUT ROWID,
 STRICT""")
    op.execute("CREATE UNIQUE INDEX commits_open ON commits (repo, branch) WHERE state = 0")
