"""The last row of a job: its state for good, and with it the end of those that wait for its output."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from runner.model.job import JobState
from runner.store import datums, tallies
from runner.store.catalog import tables as t
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction, core

UNRUNNABLE_STATUS = 3
STOPPED_STATUS = 143
"""128 + SIGTERM: somebody wanted it to end."""

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
    core(tx.db, sa.update(t.job).where(t.job.c.id == job).values(values))
    tallies.count(tx, job)
    datums.close(tx, job)
    for table in (t.stack, t.queue, t.stop):
        core(tx.db, sa.delete(table).where(table.c.job == job))
    core(
        tx.db,
        sa.update(t.attempt)
        .where(t.attempt.c.job == job, t.attempt.c.finished_us.is_(None))
        .values(finished_us=tx.now_us, reason=how.reason),
    )


def end_waiting(tx: Transaction, job: int, how: End) -> None:
    """End a job that has not begun, and those that wait for it."""
    end(tx, job, how)
    give_up_downstream(tx, job)


def give_up_downstream(tx: Transaction, job: int) -> None:
    """End the jobs that wait for the output of one that made none, and those that wait for theirs."""
    failed = [job]
    while failed:
        row = core(
            tx.db,
            sa.select(t.job.c.uuid, t.repo.c.project, t.repo.c.name)
            .join(t.repo, t.repo.c.id == t.job.c.output_repo)
            .where(t.job.c.id == failed.pop()),
        ).first()
        if row is None:
            continue
        waiting = (JOB_STATE.code(JobState.CREATED), row.project, row.name, row.uuid)
        reason = f"its input {row.name}@{row.uuid} will not come: that job did not succeed"
        for (number,) in tx.db.execute(_WAITING_FOR, waiting).fetchall():
            end(tx, number, End(JobState.UNRUNNABLE, reason, UNRUNNABLE_STATUS))
            failed.append(number)
