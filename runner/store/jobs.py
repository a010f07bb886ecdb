"""Jobs and their attempts, as they are listed and inspected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runner.model.commit import Commit, CommitState
from runner.model.errors import NotFound
from runner.model.ids import CommitId, is_id_prefix
from runner.model.job import Attempt, Job, JobDatum, JobInput, JobKey, JobState, ProcessExit, ResourceUsage
from runner.model.provenance import Observed, Record
from runner.store import commits, pipelines, projects, reads
from runner.store import datums as datums_
from runner.store.catalog import tables as t
from runner.store.catalog.codes import COMMIT_STATE, JOB_STATE
from runner.store.catalog.engine import core
from runner.store.catalog.query import Connection
from runner.store.store import Store
from runner.store.times import from_us


class NoSuchJob(NotFound):
    """The pipeline has no job of that id."""


_SELECT = (
    sa.select(t.job, t.pipeline.c.project, t.pipeline.c.name.label("pipeline_name"), t.repo.c.name.label("repo_name"))
    .join(t.pipeline, t.pipeline.c.id == t.job.c.pipeline)
    .outerjoin(t.repo, t.repo.c.id == t.job.c.output_repo)
    .order_by(t.job.c.id.desc())
)


async def list_jobs(
    store: Store,
    project: str,
    pipeline: str | None = None,
    *,
    states: Sequence[JobState] = (),
    id: CommitId | None = None,  # noqa: A002  # the word of the address
    limit: int = 50,
    before: JobKey | None = None,
) -> Sequence[Job]:
    """Return jobs, the newest first.

    Args:
        store: Where.
        project: Of the pipelines.
        pipeline: Only this one's.
        states: Only in one of these; empty: in any.
        id: Only of this id.
        limit: At most so many.
        before: Only older ones than this job, for the next page.

    Raises:
        NoSuchProject, NoSuchPipeline, NoSuchJob.
    """
    db = store.catalog.db
    projects.require(db, project)
    statement = _SELECT.where(t.pipeline.c.project == project).limit(limit)
    if pipeline is not None:
        statement = statement.where(t.job.c.pipeline == pipelines.require(db, project, pipeline))
    if states:
        statement = statement.where(t.job.c.state.in_([JOB_STATE.code(state) for state in states]))
    if id is not None:
        statement = statement.where(t.job.c.uuid == id)
    if before is not None:
        statement = statement.where(t.job.c.id < require(db, before))
    return [_job(db, row) for row in store.catalog.rows(statement)]


async def find_jobs(store: Store, project: str, text: str) -> Sequence[Job]:
    """Return the jobs that ``PIPELINE@ID`` or ``ID`` means, the newest first; ID may be a prefix of 8 digits."""
    pipeline, _, digits = text.rpartition("@")
    if not is_id_prefix(digits):
        return []
    statement = _SELECT.where(t.pipeline.c.project == project, t.job.c.uuid >= digits, t.job.c.uuid < digits + "g")
    if pipeline:
        statement = statement.where(t.pipeline.c.name == pipeline)
    return [_job(store.catalog.db, row) for row in store.catalog.rows(statement)]


async def list_readers(store: Store, commit: Commit, *, limit: int = 50) -> Sequence[Job]:
    """Return the jobs that were given *commit* as an input, the newest first, at most so many."""
    columns = t.job_input.c
    same = (columns.project == commit.project, columns.repo == commit.repo, columns.uuid == commit.id)
    statement = _SELECT.where(t.job.c.id.in_(sa.select(columns.job).where(*same))).limit(limit)
    return [_job(store.catalog.db, row) for row in store.catalog.rows(statement)]


async def inspect(store: Store, key: JobKey) -> Job:
    """Look a job up; raises `NoSuchJob`."""
    return inspect_number(store.catalog.db, require(store.catalog.db, key))


async def attempts(store: Store, key: JobKey) -> Sequence[Attempt]:
    """Return a job's attempts in the order in which they began; raises `NoSuchJob`."""
    job = require(store.catalog.db, key)
    rows = store.catalog.rows(sa.select(t.attempt).where(t.attempt.c.job == job).order_by(t.attempt.c.n))
    return [_attempt(row) for row in rows]


async def datums(
    store: Store, key: JobKey, *, prefix: str = "", after: str | None = None, limit: int | None = None
) -> Sequence[JobDatum]:
    """Return a job's datums in their order, page by page; raises `NoSuchJob`.

    Args:
        store: Where.
        key: The job's.
        prefix: Only those whose id begins so.
        after: Only those behind the one of this id.
        limit: At most so many.
    """
    job = require(store.catalog.db, key)
    return datums_.list_datums(store.catalog.db, job, prefix=prefix, after=after, limit=limit)


async def record(store: Store, key: JobKey) -> Record | None:
    """Return the provenance record that was committed with a job's output, if it has one; raises `NoSuchJob`."""
    row = store.catalog.row(
        sa.select(t.provenance.c.record)
        .join(t.job, t.job.c.commit_id == t.provenance.c.commit_id)
        .where(t.job.c.id == require(store.catalog.db, key))
    )
    return None if row is None else json.loads(row.record)


async def observed(
    store: Store, key: JobKey, *, after: Observed | None = None, limit: int | None = None
) -> Sequence[Observed]:
    """Return what a sealed job read, by input, key and kind, page by page; raises `NoSuchJob`."""
    return reads.stored(store.catalog.db, require(store.catalog.db, key), after=after, limit=limit)


async def output(store: Store, key: JobKey) -> Commit | None:
    """Return the commit that a job published, if it did; raises `NoSuchJob`."""
    return _commit(store, key, CommitState.FINISHED)


async def quarantined(store: Store, key: JobKey) -> Commit | None:
    """Return what a failed job had written, if it wrote anything; raises `NoSuchJob`."""
    return _commit(store, key, CommitState.QUARANTINED)


def require(db: Connection, key: JobKey) -> int:
    """Return the number of a job; raises `NoSuchJob`."""
    number: int | None = core(
        db,
        sa.select(t.job.c.id)
        .join(t.pipeline, t.pipeline.c.id == t.job.c.pipeline)
        .where(t.pipeline.c.project == key.project, t.pipeline.c.name == key.pipeline, t.job.c.uuid == key.id),
    ).scalar()
    if number is None:
        raise NoSuchJob(f"there is no job {key}", hint="runner job list")
    return number


def inspect_number(db: Connection, number: int) -> Job:
    """Return the job of that number, which is there."""
    return _job(db, core(db, _SELECT.where(t.job.c.id == number)).one())


def attempt_of(db: Connection, job: int, datum: str, number: int) -> Attempt:
    """Return an attempt, which is there."""
    columns = t.attempt.c
    same = (columns.job == job, columns.datum == datum, columns.number == number)
    return _attempt(core(db, sa.select(t.attempt).where(*same)).one())


def _commit(store: Store, key: JobKey, state: CommitState) -> Commit | None:
    db = store.catalog.db
    number = core(
        db,
        sa.select(t.commit.c.id)
        .join(t.job, t.job.c.commit_id == t.commit.c.id)
        .where(t.job.c.id == require(db, key), t.commit.c.state == COMMIT_STATE.code(state)),
    ).scalar()
    return None if number is None else commits.inspect_number(db, number)


def _job(db: Connection, row: sa.Row[Any]) -> Job:
    inputs = core(db, sa.select(t.job_input).where(t.job_input.c.job == row.id).order_by(t.job_input.c.n))
    return Job(
        key=JobKey(row.project, row.pipeline_name, CommitId(row.uuid)),
        version=row.version,
        state=JOB_STATE.word(row.state),
        output_repo=row.repo_name or row.pipeline_name,
        output_branch=row.output_branch,
        inputs=tuple(
            JobInput(each.name, each.project, each.repo, each.branch, CommitId(each.uuid), bool(each.s3))
            for each in inputs
        ),
        created=from_us(row.created_us),
        started=from_us(row.started_us),
        finished=from_us(row.finished_us),
        reason=row.reason,
        status=row.status,
        restarts=row.restarts,
        data_total=row.data_total,
        data_processed=row.data_processed,
        data_skipped=row.data_skipped,
        data_failed=row.data_failed,
        data_recovered=row.data_recovered,
        read_bytes=row.read_bytes,
        written_bytes=row.written_bytes,
    )


def _attempt(row: sa.Row[Any]) -> Attempt:
    exit_ = None
    if row.exit_status is not None or row.exit_signal is not None:
        usage = None
        if row.user_seconds is not None:
            usage = ResourceUsage(row.user_seconds, row.system_seconds, row.max_rss_bytes)
        exit_ = ProcessExit(row.exit_status, row.exit_signal, usage)
    return Attempt(
        datum=row.datum,
        number=row.number,
        started=from_us(row.started_us),
        finished=from_us(row.finished_us),
        exit=exit_,
        reason=row.reason,
        objects=row.objects,
        size_bytes=row.bytes,
    )
