"""What a commit changes in its parent is counted by folder when it is made."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the table; of older commits it is counted when somebody asks."""
    op.execute("""CREATE TABLE difference (
    commit_id INTEGER NOT NULL,
    folders BLOB NOT NULL,
    crc INTEGER,
    PRIMARY KEY (commit_id)
)
 STRICT""")
