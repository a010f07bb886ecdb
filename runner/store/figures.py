"""What changes in a store from minute to minute, in numbers: jobs by state, what waits, room on the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from runner.model.job import JobState
from runner.store.aside import aside
from runner.store.catalog import tables as t
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import CATALOG_NAME
from runner.store.store import Store


@dataclass(frozen=True, slots=True)
class JobCount:
    """So many jobs of a pipeline are in one state."""

    project: str
    pipeline: str
    state: JobState
    jobs: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a worker, of one pipeline; *oldest_seconds* is how long the first has, 0 when none does."""

    project: str
    pipeline: str
    jobs: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one store, at one moment.

    Attributes:
        jobs: Where there are any.
        waiting: Of each registered pipeline.
        catalog_bytes: The database, with its log.
        free_bytes: That may still be written to the disk it lies on.
    """

    jobs: Sequence[JobCount]
    waiting: Sequence[Waiting]
    catalog_bytes: int
    free_bytes: int


_NAMES = (t.pipeline.c.project, t.pipeline.c.name)
_counted = (  # alone, so that the index job_state answers
    sa.select(t.job.c.pipeline, t.job.c.state, sa.func.count().label("jobs"))
    .group_by(t.job.c.pipeline, t.job.c.state)
    .subquery()
)
_JOBS = sa.select(*_NAMES, _counted.c.state, _counted.c.jobs).join(t.pipeline, t.pipeline.c.id == _counted.c.pipeline)
_waiting = (
    sa.select(t.job.c.pipeline, sa.func.count().label("jobs"), sa.func.min(t.job.c.created_us).label("oldest_us"))
    .join(t.queue, t.queue.c.job == t.job.c.id)
    .where(t.job.c.state == JOB_STATE.code(JobState.CREATED))
    .group_by(t.job.c.pipeline)
    .subquery()
)
_WAITING = (
    sa.select(*_NAMES, sa.func.coalesce(_waiting.c.jobs, 0).label("jobs"), _waiting.c.oldest_us)
    .outerjoin(_waiting, _waiting.c.pipeline == t.pipeline.c.id)
    .where(t.pipeline.c.id.in_(sa.select(t.registration.c.pipeline)))
)


def read_figures(store: Store) -> Figures:
    """Count; called on a thread, since it takes some 20 ms for 100,000 jobs.

    Raises:
        StoreOutOfReach.
    """
    with aside(store) as catalog:
        jobs = catalog.rows(_JOBS)
        waiting = catalog.rows(_WAITING)
    now_us = time.time_ns() // 1000
    return Figures(
        [JobCount(row.project, row.name, JOB_STATE.word(row.state), row.jobs) for row in jobs],
        [Waiting(row.project, row.name, row.jobs, _seconds(row.oldest_us, now_us)) for row in waiting],
        _catalog_bytes(store),
        shutil.disk_usage(store.folder).free,
    )


def _seconds(since_us: int | None, now_us: int) -> float:
    return 0.0 if since_us is None else max(0, now_us - since_us) / 1_000_000


def _catalog_bytes(store: Store) -> int:
    size = 0
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            size += (store.folder / f"{CATALOG_NAME}{suffix}").stat().st_size
    return size
