"""The newest jobs of some pipelines in some states, found by an index whatever ran beside and since."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import islice, product

from runner.model.job import JobState
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.query import Connection

RUNS = 20
"""So many make what is usual."""
_ARMS_MAX = 100
"""SQLite takes 500 at once, https://www.sqlite.org/limits.html."""
_ARM = """
    SELECT id FROM (SELECT id FROM job WHERE pipeline = ? AND state = ? AND id < ? ORDER BY id DESC LIMIT ?) a{}
"""  # one name for each, since PostgreSQL wants some before its release 16
_TIMES = """
    SELECT started_us, finished_us FROM job WHERE pipeline = ? AND state = ? ORDER BY id DESC LIMIT ?
"""
_NO_END = 2**62


def newest(
    db: Connection, pipelines: Sequence[int], states: Sequence[JobState] = (), *, before: int | None, limit: int
) -> list[int]:
    """Return the numbers of jobs, the newest first: one look-up for each pipeline and state, and what is returned.

    Args:
        db: The catalog.
        pipelines: Their numbers.
        states: Empty: all.
        before: Only older ones than the job of that number.
        limit: At most so many.
    """
    codes = [JOB_STATE.code(state) for state in states or JobState]
    arms = product(pipelines, codes)
    found: set[int] = set()  # one that goes to its next state meanwhile may be met in both
    while some := list(islice(arms, _ARMS_MAX)):
        statement = " UNION ALL ".join(_ARM.format(n) for n in range(len(some)))
        bounds = (_NO_END if before is None else before, limit)
        marks = [mark for arm in some for mark in (*arm, *bounds)]
        found.update(query.values(db, f"{statement} ORDER BY id DESC LIMIT ?", (*marks, limit)))
    return heapq.nlargest(limit, found)


def usual_seconds(db: Connection, pipeline: int) -> float | None:
    """Return the median time of the last `RUNS` jobs of a pipeline that succeeded; None: none did."""
    rows = query.rows(db, _TIMES, (pipeline, JOB_STATE.code(JobState.SUCCESS), RUNS))
    times = sorted(row.finished_us - row.started_us for row in rows if row.started_us is not None)
    return times[len(times) // 2] / 1_000_000 if times else None
