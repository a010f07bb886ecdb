"""Where the blobs are kept."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Remember the store's own folder, which was the only place."""
    op.execute("INSERT INTO meta (name, value) VALUES ('blobs', '')")
