"""What a collection found and will remove."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table."""
    op.execute("""CREATE TABLE doomed (
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
)
 WITHOUT ROWID,
 STRICT""")
