"""Jobs that triggers made: taken by one worker at a time, and given back when it cannot end them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from runner.model.commit import CommitState
from runner.model.job import JobState
from runner.store import datums, ends, newjobs, staging, stops, triggers, uploads
from runner.store.catalog import tables as t
from runner.store.catalog.codes import COMMIT_STATE, JOB_STATE, LayerState
from runner.store.catalog.engine import Transaction, core
from runner.store.catalog.query import Connection

_CREATED, _STARTING, _FINISHING = (
    JOB_STATE.code(state) for state in (JobState.CREATED, JobState.STARTING, JobState.FINISHING)
)

_WAITS = f"""
    SELECT j.id FROM queue q JOIN job j ON j.id = q.job
    WHERE j.state = {_CREATED} AND j.pipeline IN (SELECT value FROM json_each(?))
    AND NOT EXISTS (SELECT 1 FROM registration g WHERE g.pipeline = j.pipeline AND g.is_stopped)
    AND NOT EXISTS (
        SELECT 1 FROM job_input i
        LEFT JOIN repo r ON r.project = i.project AND r.name = i.repo
        LEFT JOIN commits c ON c.repo = r.id AND c.uuid = i.uuid AND c.state = {COMMIT_STATE.code(CommitState.FINISHED)}
        WHERE i.job = j.id AND c.id IS NULL
    )
"""  # noqa: S608  # constants
"""Its pipeline is not stopped, and every input is a commit that is there."""

# Nobody runs a job of the same branch, and no older one waits.
_READY = f"""
    {_WAITS} AND NOT EXISTS (
        SELECT 1 FROM job o WHERE o.output_repo = j.output_repo AND o.output_branch = j.output_branch
        AND (o.state BETWEEN {_STARTING} AND {_FINISHING} OR (o.state = {_CREATED} AND o.id < j.id))
    )
    ORDER BY j.id
"""  # noqa: S608  # constants


def ready(db: Connection, pipelines: Collection[int]) -> list[int]:
    """Return the jobs of these pipelines that could start now, the oldest first."""
    return [job for (job,) in db.execute(_READY, (json.dumps(sorted(pipelines)),))]


def take(tx: Transaction, job: int) -> bool:
    """Go from CREATED to STARTING; False: somebody else did, or it cannot start any more."""
    pipeline = core(tx.db, sa.select(t.job.c.pipeline).where(t.job.c.id == job)).scalar_one()
    if job not in ready(tx.db, [pipeline]):
        return False
    core(tx.db, sa.update(t.job).where(t.job.c.id == job).values(state=_STARTING))
    return True


def holds(db: Connection, job: int) -> bool:
    """Tell whether a trigger made a job that has not ended."""
    return core(db, sa.select(t.queue.c.job).where(t.queue.c.job == job)).first() is not None


def supersede(tx: Transaction, pipelines: Collection[int]) -> int:
    """End the jobs that could run later than a newer one of the same branch can now; return how many."""
    newest: dict[tuple[int, str], sa.Row[Any]] = {}
    count = 0
    waiting = [job for (job,) in tx.db.execute(f"{_WAITS} ORDER BY j.id DESC", (json.dumps(sorted(pipelines)),))]
    for job in waiting:
        row = core(tx.db, sa.select(t.job).where(t.job.c.id == job)).one()
        newer = newest.setdefault((row.output_repo, row.output_branch), row)
        if newer is not row:
            reason = f"superseded by the job {newer.uuid}, of a newer commit"
            ends.end_waiting(tx, job, ends.End(JobState.KILLED, reason, ends.STOPPED_STATUS))
            count += 1
    return count


def give_back(tx: Transaction, job: int) -> bool:
    """Let a job that is not sealed wait as if it had never begun, now by the spec that is registered.

    One that is sealed, or ended, stays as it is.

    Returns:
        False: somebody wants the job to end for good.
    """
    wish = stops.find(tx.db, job)
    if wish is not None and not wish.is_anew:
        return False
    same = (t.job.c.id == job, t.job.c.state < _FINISHING)
    zeros = dict.fromkeys(newjobs.COUNTERS, 0)
    values = {"state": _CREATED, "started_us": None, "restarts": t.job.c.restarts + 1, **zeros}
    if core(tx.db, sa.update(t.job).where(*same).values(values)).rowcount == 0:
        return True
    stops.forget(tx, job)
    layers = sa.select(t.attempt.c.layer).where(t.attempt.c.job == job)
    stacked = sa.select(t.stack.c.layer).where(t.stack.c.job == job)
    for layer in core(tx.db, layers.union(stacked)).scalars().all():
        staging.set_state(tx, layer, LayerState.DROPPING)
        uploads.drop_all(tx, uploads.place_of_layer(layer))
    datums.forget(tx, job)
    for table in (t.attempt, t.stack, t.observed):
        core(tx.db, sa.delete(table).where(table.c.job == job))
    triggers.renew(tx, job)
    return True
