"""Waiting for a commit that somebody else finishes: by hand, or as the output of a job."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from runner.model.address import Address
from runner.model.commit import Commit, CommitState
from runner.model.job import Job
from runner.store import settle
from runner.store.catalog import query
from runner.store.history import commits
from runner.store.history.commits import NoSuchCommit
from runner.store.jobs import jobs
from runner.store.store import Store

_JOB = """
    SELECT j.id FROM job j JOIN pipeline p ON p.id = j.pipeline WHERE p.project = ? AND p.name = ? AND j.uuid = ?
"""


@dataclass(frozen=True, slots=True)
class Waited:
    """What became of it.

    Attributes:
        commit: Finished; None: there will be none.
        job: That did not make it, and ended.
        status: The runner's exit status.
    """

    commit: Commit | None = None
    job: Job | None = None
    status: int = 0


async def until_finished(store: Store, address: Address, reconcile_seconds: float) -> Waited:
    """Wait until the commit of *address* is finished, or will not be.

    An address that no commit has yet may be the output of a job under way: ``PIPELINE@ID``, as a whole id.

    Raises:
        NoSuchRepo, NoSuchCommit, AmbiguousCommit: Nothing of that name is there or to come.
    """
    async with store.hints.listen() as news:
        while True:
            found = await _look(store, address)
            if found is not None:
                return found
            with trio.move_on_after(reconcile_seconds) as late:
                await news.wait()
            if late.cancelled_caught:
                await settle.settle(store)


async def _look(store: Store, address: Address) -> Waited | None:
    """Return what became of it; None: nothing yet."""
    job = _job_of(store, address)
    if job is not None and not job.state.is_terminal:
        return None
    try:
        commit = await commits.resolve(store, address)
    except NoSuchCommit:
        if job is None:
            raise
        return Waited(job=job, status=job.status or 0)
    if commit.state is CommitState.OPEN:
        return None
    if commit.state is CommitState.QUARANTINED and job is not None:
        return Waited(job=job, status=job.status or 0)
    return Waited(commit)


def _job_of(store: Store, address: Address) -> Job | None:
    """Return the job whose output the address names, if it is one's."""
    db = store.catalog.db
    number = None if address.back else query.value(db, _JOB, (address.project, address.repo, address.revision))
    return None if number is None else jobs.inspect_number(db, number)
