"""Where the blobs are kept."""

from typing import Any

from alembic import op

from runner.store.catalog.sums import sum_table

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Remember the store's own folder, which was the only place."""
    op.execute("INSERT INTO meta (name, value) VALUES ('blobs', '')")
    db: Any = op.get_bind().connection.driver_connection
    sum_table(db, "meta")
