"""Jobs and their attempts, as they are listed and inspected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from runner.model.commit import Commit, CommitState
from runner.model.errors import NotFound
from runner.model.ids import CommitId, is_id_prefix
from runner.model.job import Attempt, Job, JobDatum, JobInput, JobKey, JobState, ProcessExit, ResourceUsage
from runner.model.provenance import Observed, Record
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_STATE, JOB_STATE
from runner.store.catalog.query import Connection, Row
from runner.store.history import commits, projects
from runner.store.jobs import datums as datums_
from runner.store.jobs import newest, pipelines, reads
from runner.store.store import Store
from runner.store.times import from_us


class NoSuchJob(NotFound):
    """The pipeline has no job of that id."""


_SELECT = """
    SELECT j.id, j.uuid, j.version, j.state, j.output_branch, j.reason, j.status, j.restarts,
        j.created_us, j.started_us, j.finished_us,
        j.data_total, j.data_processed, j.data_skipped, j.data_failed, j.data_recovered, j.read_bytes, j.written_bytes,
        p.project, p.name AS pipeline_name, r.name AS repo_name
    FROM job j JOIN pipeline p ON p.id = j.pipeline LEFT JOIN repo r ON r.id = j.output_repo
"""
_INPUTS = "SELECT name, project, repo, branch, uuid, s3 FROM job_input WHERE job = ? ORDER BY n"
_READS = "j.id IN (SELECT i.job FROM job_input i WHERE i.project = ? AND i.repo = ? AND i.uuid = ?)"
_NUMBER = """
    SELECT j.id FROM job j JOIN pipeline p ON p.id = j.pipeline WHERE p.project = ? AND p.name = ? AND j.uuid = ?
"""
_RECORD = "SELECT v.record FROM job j JOIN provenance v ON v.commit_id = j.commit_id WHERE j.id = ?"
_COMMIT = "SELECT c.id FROM job j JOIN commits c ON c.id = j.commit_id WHERE j.id = ? AND c.state = ?"
_ATTEMPT = """
    SELECT datum, number, started_us, finished_us, exit_status, exit_signal,
        user_seconds, system_seconds, max_rss_bytes, reason, objects, bytes
    FROM attempt WHERE job = ?
"""


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
    """Return jobs, the newest first; costs what is returned, and a look-up for each pipeline and state.

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
    of = pipelines.numbers(db, project) if pipeline is None else [pipelines.require(db, project, pipeline)]
    last = None if before is None else require(db, before)
    if id is None:
        numbers = newest.newest(db, of, states, before=last, limit=limit)
        rows = (query.row(db, f"{_SELECT} WHERE j.id = ?", (number,)) for number in numbers)
        return [_job(db, row) for row in rows if row is not None]
    conditions = ["j.uuid = ?", "p.project = ?"]
    parameters: list[str | int] = [id, project]
    if pipeline is not None:
        conditions.append("j.pipeline = ?")
        parameters += of
    if states:
        conditions.append(f"j.state IN ({query.marks(states)})")
        parameters += [JOB_STATE.code(state) for state in states]
    if last is not None:
        conditions.append("j.id < ?")
        parameters.append(last)
    return _find(db, conditions, parameters, limit)


async def usual_seconds(store: Store, project: str, pipeline: str) -> float | None:
    """Return the median time of the last 20 jobs of a pipeline that succeeded; None: none did.

    Raises:
        NoSuchPipeline.
    """
    return newest.usual_seconds(store.catalog.db, pipelines.require(store.catalog.db, project, pipeline))


async def find_jobs(store: Store, project: str, text: str) -> Sequence[Job]:
    """Return the jobs that ``PIPELINE@ID`` or ``ID`` means, the newest first; ID may be a prefix of 8 digits."""
    pipeline, _, digits = text.rpartition("@")
    if not is_id_prefix(digits):
        return []
    conditions, parameters = ["p.project = ?", "j.uuid >= ?", "j.uuid < ?"], [project, digits, f"{digits}g"]
    if pipeline:
        conditions.append("p.name = ?")
        parameters.append(pipeline)
    return _find(store.catalog.db, conditions, parameters)


async def list_readers(store: Store, commit: Commit, *, limit: int = 50) -> Sequence[Job]:
    """Return the jobs that were given *commit* as an input, the newest first, at most so many."""
    return _find(store.catalog.db, [_READS], [commit.project, commit.repo, commit.id], limit)


async def inspect(store: Store, key: JobKey) -> Job:
    """Look a job up; raises `NoSuchJob`."""
    return inspect_number(store.catalog.db, require(store.catalog.db, key))


async def attempts(store: Store, key: JobKey) -> Sequence[Attempt]:
    """Return a job's attempts in the order in which they began; raises `NoSuchJob`."""
    db = store.catalog.db
    return [_attempt(row) for row in query.rows(db, f"{_ATTEMPT} ORDER BY n", (require(db, key),))]


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
    db = store.catalog.db
    text = query.value(db, _RECORD, (require(db, key),))
    return None if text is None else json.loads(text)


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
    number: int | None = query.value(db, _NUMBER, (key.project, key.pipeline, key.id))
    if number is None:
        raise NoSuchJob(f"there is no job {key}", hint="runner job list")
    return number


def inspect_number(db: Connection, number: int) -> Job:
    """Return the job of that number, which is there."""
    return _job(db, query.one(db, f"{_SELECT} WHERE j.id = ?", (number,)))


def attempt_of(db: Connection, job: int, datum: str, number: int) -> Attempt:
    """Return an attempt, which is there."""
    return _attempt(query.one(db, f"{_ATTEMPT} AND datum = ? AND number = ?", (job, datum, number)))


def _commit(store: Store, key: JobKey, state: CommitState) -> Commit | None:
    db = store.catalog.db
    number = query.value(db, _COMMIT, (require(db, key), COMMIT_STATE.code(state)))
    return None if number is None else commits.inspect_number(db, number)


def _find(db: Connection, conditions: Sequence[str], parameters: Sequence[Any], limit: int | None = None) -> list[Job]:
    """Return the jobs for which all conditions hold, the newest first."""
    statement = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY j.id DESC"
    if limit is not None:
        statement, parameters = f"{statement} LIMIT ?", (*parameters, limit)
    return [_job(db, row) for row in query.rows(db, statement, parameters)]


def _job(db: Connection, row: Row) -> Job:
    return Job(
        key=JobKey(row.project, row.pipeline_name, CommitId(row.uuid)),
        version=row.version,
        state=JOB_STATE.word(row.state),
        output_repo=row.repo_name or row.pipeline_name,
        output_branch=row.output_branch,
        inputs=tuple(
            JobInput(each.name, each.project, each.repo, each.branch, CommitId(each.uuid), bool(each.s3))
            for each in query.rows(db, _INPUTS, (row.id,))
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


def _attempt(row: Row) -> Attempt:
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
