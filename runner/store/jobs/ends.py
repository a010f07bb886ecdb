"""The last row of a job: its state for good, and with it the end of those that wait for its output."""

from __future__ import annotations

from typing import NamedTuple

from runner.model.job import JobState
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction
from runner.store.jobs import datums, tallies

UNRUNNABLE_STATUS = 3
STOPPED_STATUS = 143
"""128 + SIGTERM: somebody wanted it to end."""

_OUTPUT = "SELECT j.uuid, r.project, r.name FROM job j JOIN repo r ON r.id = j.output_repo WHERE j.id = ?"
_WAITING_FOR = """
    SELECT j.id FROM job j JOIN queue q ON q.job = j.id JOIN job_input i ON i.job = j.id
    WHERE j.state = ? AND i.project = ? AND i.repo = ? AND i.uuid = ? ORDER BY j.id
"""


class End(NamedTuple):
    """How a job ended: *reason* is one sentence, *status* the runner's exit status for it."""

    state: JobState
    reason: str = ""
    status: int = 0


def end(tx: Transaction, job: int, how: End, commit: int | None = None) -> None:
    """End a job, with the number of the commit that it published or left aside."""
    values = {
        "state": JOB_STATE.code(how.state),
        "status": how.status,
        "reason": how.reason,
        "commit_id": commit,
        "finished_us": tx.now_us,
        "draft": None,
    }
    query.update(tx.db, "job", values, "id = ?", (job,))
    tallies.count(tx, job)
    datums.close(tx, job)
    for table in ("stack", "queue", "stop"):
        tx.db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))  # noqa: S608  # constants
    ended = {"finished_us": tx.now_us, "reason": how.reason}
    query.update(tx.db, "attempt", ended, "job = ? AND finished_us IS NULL", (job,))


def end_waiting(tx: Transaction, job: int, how: End) -> None:
    """End a job that has not begun, and those that wait for it."""
    end(tx, job, how)
    give_up_downstream(tx, job)


def give_up_downstream(tx: Transaction, job: int) -> None:
    """End the jobs that wait for the output of one that made none, and those that wait for theirs."""
    failed = [job]
    while failed:
        row = query.row(tx.db, _OUTPUT, (failed.pop(),))
        if row is None:
            continue
        waiting = (JOB_STATE.code(JobState.CREATED), row.project, row.name, row.uuid)
        reason = f"its input {row.name}@{row.uuid} will not come: that job did not succeed"
        for number in query.values(tx.db, _WAITING_FOR, waiting):
            end(tx, number, End(JobState.UNRUNNABLE, reason, UNRUNNABLE_STATUS))
            failed.append(number)
