"""What somebody does to a job that is not his to run: stop it, remove it."""

from __future__ import annotations

from runner.model.errors import Conflict
from runner.model.job import JobKey, JobState
from runner.store import settle
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction
from runner.store.jobs import datums, ends, jobs, queue, stops, tallies
from runner.store.jobs.ends import STOPPED_STATUS, End
from runner.store.jobs.stops import Wish
from runner.store.owners import job_owner, owning
from runner.store.store import Store

STOPPED = "job stopped"
"""Pachyderm's words."""


class JobEnded(Conflict):
    """The job has ended, or is sealed and about to."""


class JobGoesOn(Conflict):
    """The job has not ended."""


async def stop(store: Store, key: JobKey) -> None:
    """Want the end of a job: one that waits has ended then, one under way is ended by whoever runs it.

    Raises:
        NoSuchJob.
        JobEnded: It has come too far.
    """
    await store.writer.write(lambda tx: ask(tx, jobs.require(tx.db, key), STOPPED))
    store.hints.tell()
    await settle_if_dead(store, key)


def ask(tx: Transaction, job: int, reason: str) -> None:
    """Want the end of a job, as `stop` does; raises `JobEnded`."""
    row = query.one(tx.db, "SELECT state, uuid FROM job WHERE id = ?", (job,))
    state = JOB_STATE.word(row.state)
    if state.is_terminal:
        raise JobEnded(f"the job {row.uuid} has ended already: {state}")
    if state is JobState.FINISHING:
        raise JobEnded(f"the job {row.uuid} is sealed, and its output becomes a commit")
    if state is JobState.CREATED and queue.holds(tx.db, job):
        ends.end_waiting(tx, job, End(JobState.KILLED, reason, STOPPED_STATUS))
    else:
        stops.ask(tx, job, Wish(reason, is_anew=False))


async def settle_if_dead(store: Store, key: JobKey) -> None:
    """Settle a job whose runner died; of a living one, or one that has ended, nothing changes."""
    if (await jobs.inspect(store, key)).state.is_terminal:
        return
    async with owning(store.owners, job_owner(key)) as owner:
        if owner is not None:
            await settle.settle_job(store, key, owner)


async def delete(store: Store, key: JobKey) -> None:
    """Remove what is known of a job that has ended: inputs, attempts, log, reads. Its commits stay.

    Raises:
        NoSuchJob, JobGoesOn.
    """

    def run(tx: Transaction) -> None:
        job = jobs.require(tx.db, key)
        if not jobs.inspect_number(tx.db, job).state.is_terminal:
            raise JobGoesOn(f"the job {key} has not ended", hint=f"runner job stop {key}")
        remove(tx, job)

    await store.writer.write(run)


def remove(tx: Transaction, job: int) -> None:
    """Remove all rows of a job that has ended."""
    tallies.count(tx, job, -1)
    datums.forget(tx, job)
    for table in ("job_input", "attempt", "log_chunk", "observed"):
        tx.db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))  # noqa: S608  # constants
    tx.db.execute("DELETE FROM job WHERE id = ?", (job,))
