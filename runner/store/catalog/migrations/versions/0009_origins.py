"""The commit that wrote an entry is known wherever the entry was copied since."""

import json

from alembic import op

revision = "0009"
down_revision = "0008"

_ORIGIN = """UPDATE entry SET origin = ? WHERE layer = ? AND origin IS NULL
AND "key" IN (SELECT "key" FROM entry WHERE layer = ?)"""


def upgrade() -> None:
    """Say of each layer whose it is, and of the rows of runs where they were written."""
    op.execute("ALTER TABLE layer ADD COLUMN commit_id INTEGER")
    op.execute("ALTER TABLE entry ADD COLUMN origin INTEGER")
    db = op.get_bind()
    for commit, layers in db.exec_driver_sql("SELECT id, layers FROM commits ORDER BY id DESC").fetchall():
        for layer in json.loads(layers):
            db.exec_driver_sql("UPDATE layer SET commit_id = ? WHERE id = ?", (commit, layer))
    for run, covers in db.exec_driver_sql("SELECT layer, covers FROM run").fetchall():
        for delta in json.loads(covers):  # the newest first
            db.exec_driver_sql(_ORIGIN, (delta, run, delta))
