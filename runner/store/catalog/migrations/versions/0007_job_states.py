"""Jobs by pipeline and state, so that they are counted without looking at each."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the index."""
    op.execute("CREATE INDEX job_state ON job (pipeline, state)")
