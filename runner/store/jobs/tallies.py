"""How many jobs are in each state, and how many ended when: counted when they end, never by looking at all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from runner.model.job import JobState
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE, JOB_TERMINAL_FROM
from runner.store.catalog.engine import Transaction
from runner.store.store import Store
from runner.store.times import from_us, to_us

HALF_HOUR_US = 30 * 60 * 1_000_000

_ENDED = f"""
    SELECT pipeline, state, finished_us / {HALF_HOUR_US} AS n FROM job
    WHERE id = ? AND state >= {JOB_TERMINAL_FROM}
"""  # noqa: S608  # constants
_ADD = """
    INSERT INTO tally (pipeline, state, jobs) VALUES (?, ?, ?)
    ON CONFLICT (pipeline, state) DO UPDATE SET jobs = tally.jobs + excluded.jobs
"""
_ADD_THEN = """
    INSERT INTO half_hour (pipeline, state, n, jobs) VALUES (?, ?, ?, ?)
    ON CONFLICT (pipeline, n, state) DO UPDATE SET jobs = half_hour.jobs + excluded.jobs
"""
JOBS = f"""
    SELECT p.project, p.name, x.state, x.jobs FROM tally x JOIN pipeline p ON p.id = x.pipeline WHERE x.jobs > 0
    UNION ALL
    SELECT p.project, p.name, j.state, count(*) FROM job j JOIN pipeline p ON p.id = j.pipeline
    WHERE j.state < {JOB_TERMINAL_FROM} GROUP BY p.project, p.name, j.state
"""  # noqa: S608  # constants
"""How many jobs each pipeline has in each state: a row where it has any, and a look at each job that has not ended."""
_BY_STATE = f"SELECT c.name, c.state, c.jobs FROM ({JOBS}) c WHERE c.project = ?"  # noqa: S608  # constants
_BY_TIME = """
    SELECT x.n, x.state, sum(x.jobs) FROM pipeline p
    JOIN half_hour x ON x.pipeline = p.id AND x.n >= ? AND x.n < ? AND x.jobs > 0 WHERE p.project = ?
"""


class HalfHour(NamedTuple):
    """What ended in half an hour: how many jobs in each state, where there are any."""

    start: datetime
    jobs: Mapping[JobState, int]


def count(tx: Transaction, job: int, by: int = 1) -> None:
    """Count a job in that has ended, or out again by -1; of one that has not ended nothing changes."""
    row = query.row(tx.db, _ENDED, (job,))
    if row is not None:
        tx.db.execute(_ADD, (row.pipeline, row.state, by))
        tx.db.execute(_ADD_THEN, (*row, by))


def drop(tx: Transaction, pipeline: int) -> None:
    """Remove the counts of a pipeline that goes."""
    tx.db.execute("DELETE FROM tally WHERE pipeline = ?", (pipeline,))
    tx.db.execute("DELETE FROM half_hour WHERE pipeline = ?", (pipeline,))


async def by_state(store: Store, project: str) -> Mapping[str, Mapping[JobState, int]]:
    """Return how many jobs each pipeline of a project has in each state, where it has any.

    Costs what is returned, and the jobs that have not ended.
    """
    found: dict[str, dict[JobState, int]] = {}
    for name, state, jobs in store.catalog.db.execute(_BY_STATE, (project,)).fetchall():
        found.setdefault(name, {})[JOB_STATE.word(state)] = jobs
    return found


async def by_time(
    store: Store, project: str, pipeline: str | None = None, *, since: datetime, until: datetime
) -> Sequence[HalfHour]:
    """Return what ended in each half hour, the oldest first; those in which nothing did are left out.

    Args:
        store: Where.
        project: Of the pipelines.
        pipeline: Only this one.
        since: In the first half hour.
        until: The end, whose half hour counts as a whole unless it begins with it.
    """
    first, end = (to_us(since) or 0) // HALF_HOUR_US, -(-(to_us(until) or 0) // HALF_HOUR_US)
    only, names = (" AND p.name = ?", (pipeline,)) if pipeline is not None else ("", ())
    statement = f"{_BY_TIME}{only} GROUP BY x.n, x.state ORDER BY x.n, x.state"
    found: dict[int, dict[JobState, int]] = {}
    for n, state, jobs in store.catalog.db.execute(statement, (first, end, project, *names)).fetchall():
        found.setdefault(n, {})[JOB_STATE.word(state)] = int(jobs)
    return [HalfHour(from_us(n * HALF_HOUR_US), jobs) for n, jobs in found.items()]
