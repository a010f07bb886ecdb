"""Where the session of a job begins: a job that is new, or one that a trigger made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from runner.model.ids import CommitId, new_commit_id
from runner.model.job import JobInput, JobKey, JobState
from runner.model.pipeline import Pipeline
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import commits, repos
from runner.store.jobs import jobs, newjobs, pipelines, queue
from runner.store.jobs.finishing import JobLost
from runner.store.owners import Owner, fenced, job_owner
from runner.store.sessions.sessions import JobSession
from runner.store.store import Store


async def take_job(
    store: Store, pipelines_: Collection[int], *, coalesce: bool = False
) -> tuple[JobSession, Pipeline] | None:
    """Take the oldest job of some pipelines that waits for a worker and can start.

    Args:
        store: Where.
        pipelines_: Their numbers.
        coalesce: A job that has not begun is superseded by a newer one that could.

    Returns:
        The job, to be run and closed, and its pipeline as of the version that it was made of; None: there is none.
    """
    if coalesce:
        await store.writer.write(lambda tx: queue.supersede(tx, pipelines_))
        store.hints.tell()
    for job in queue.ready(store.catalog.db, pipelines_):
        key = jobs.inspect_number(store.catalog.db, job).key
        owner = await store.owners.take(job_owner(key))
        if owner is None:
            continue
        try:
            if await store.writer.write(fenced(owner, partial(queue.take, job=job))):
                return await _taken(store, job, owner)
        except BaseException:
            await owner.release()
            raise
        await owner.release()
    return None


async def _taken(store: Store, number: int, owner: Owner) -> tuple[JobSession, Pipeline]:
    from runner.spec.effective import pipeline_of

    job = jobs.inspect_number(store.catalog.db, number)
    spec = await pipelines.spec_of(store, job.key.project, job.key.pipeline, job.version)
    pipeline = pipeline_of(spec)
    pinned = pinned_commits(store.catalog.db, job.inputs)
    return JobSession(store, number, pipeline, pinned, owner=owner, is_queued=True), pipeline


async def open_job(
    store: Store,
    pipeline: Pipeline,
    *,
    version: int,
    inputs: Sequence[JobInput],
    job_id: CommitId | None = None,
    output_readable: bool = True,
) -> JobSession:
    """Make a job in state STARTING and own it until `JobSession.aclose`.

    Args:
        store: Where.
        pipeline: Registered as *version*.
        version: 1-based.
        inputs: Their commits are there.
        job_id: None: a fresh one.
        output_readable: False: `out` seems empty to whoever writes it, as in Pachyderm.

    Raises:
        NoSuchPipeline, NoSuchRepo, NoSuchCommit.
        JobLost: There is a job of that id.
    """
    key = JobKey(pipeline.project, pipeline.name, job_id or new_commit_id())
    owner = await store.owners.take(job_owner(key))
    if owner is None:
        raise JobLost(f"another process runs the job {key}")
    try:
        number, pinned = await store.writer.write(fenced(owner, lambda tx: _insert(tx, pipeline, key, version, inputs)))
        return JobSession(store, number, pipeline, pinned, owner=owner, readable=output_readable)
    except BaseException:
        await owner.release()
        raise


def _insert(
    tx: Transaction, pipeline: Pipeline, key: JobKey, version: int, inputs: Sequence[JobInput]
) -> tuple[int, dict[JobInput, int]]:
    """Write the rows of a job; return its number, and the commits of its inputs."""
    number = pipelines.require(tx.db, key.project, key.pipeline)
    if newjobs.find(tx, number, key.id) is not None:
        raise JobLost(f"the job {key} is there already")
    job = newjobs.insert(tx, newjobs.Key(number, version, key.id), pipeline, inputs, state=JobState.STARTING)
    return job, pinned_commits(tx.db, inputs)


def pinned_commits(db: Connection, inputs: Sequence[JobInput]) -> dict[JobInput, int]:
    """Return the commits that inputs are pinned to; raises `NoSuchCommit`."""
    return {each: commits.require_id(db, repos.require(db, each.project, each.repo), each.commit) for each in inputs}
