"""Jobs that ended are counted when they do; the newest of a state, and who reads a commit, are found by an index."""

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = (
    """CREATE TABLE tally (
    pipeline INTEGER NOT NULL,
    state INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (pipeline, state)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE half_hour (
    pipeline INTEGER NOT NULL,
    n INTEGER NOT NULL,
    state INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (pipeline, n, state)
)
 WITHOUT ROWID,
 STRICT""",
    "INSERT INTO tally SELECT pipeline, state, count(*) FROM job WHERE state >= 5 GROUP BY pipeline, state",
    """INSERT INTO half_hour SELECT pipeline, finished_us / 1800000000, state, count(*) FROM job
WHERE state >= 5 GROUP BY pipeline, finished_us / 1800000000, state""",
    "DROP INDEX job_state",
    "CREATE INDEX job_state ON job (pipeline, state, id)",
    "CREATE INDEX job_input_commit ON job_input (uuid)",
)


def upgrade() -> None:
    """Add the tables and count the jobs that are there."""
    for statement in _STATEMENTS:
        op.execute(statement)
