"""What changes in a store from minute to minute, in numbers: jobs by state, what waits, room on the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

from runner.model.job import JobState
from runner.store.aside import aside
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.jobs import tallies
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


_WAITING = f"""
    SELECT p.project, p.name, count(j.id) AS jobs, min(j.created_us) AS oldest_us
    FROM registration g JOIN pipeline p ON p.id = g.pipeline
    LEFT JOIN (SELECT o.id, o.pipeline, o.created_us FROM queue q JOIN job o ON o.id = q.job
               WHERE o.state = {JOB_STATE.code(JobState.CREATED)}) j ON j.pipeline = p.id
    GROUP BY p.project, p.name
"""  # noqa: S608  # constants


def read_figures(store: Store) -> Figures:
    """Ask; called on a thread, since it takes a look at each job that has not ended.

    Raises:
        StoreOutOfReach.
    """
    with aside(store) as catalog:
        jobs = query.rows(catalog.db, tallies.JOBS)
        waiting = query.rows(catalog.db, _WAITING)
    now_us = time.time_ns() // 1000
    return Figures(
        [JobCount(row.project, row.name, JOB_STATE.word(row.state), row.jobs) for row in jobs],
        [Waiting(row.project, row.name, row.jobs, _seconds(row.oldest_us, now_us)) for row in waiting],
        store.engine.size_bytes(),
        shutil.disk_usage(store.folder).free,
    )


def _seconds(since_us: int | None, now_us: int) -> float:
    return 0.0 if since_us is None else max(0, now_us - since_us) / 1_000_000
