"""Jobs that triggers made: taken by one worker at a time, and given back when it cannot end them."""

from __future__ import annotations

from collections.abc import Collection

from runner.model.commit import CommitState
from runner.model.job import JobState
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_STATE, JOB_STATE, JOB_TERMINAL_FROM, LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection, Row
from runner.store.history import uploads
from runner.store.jobs import datums, ends, newjobs, stops, triggers
from runner.store.layers import staging

_CREATED, _STARTING, _FINISHING = (
    JOB_STATE.code(state) for state in (JobState.CREATED, JobState.STARTING, JobState.FINISHING)
)

_WAITS = f"""
    j.state = {_CREATED} AND EXISTS (SELECT 1 FROM queue q WHERE q.job = j.id)
    AND NOT EXISTS (SELECT 1 FROM registration g WHERE g.pipeline = j.pipeline AND g.is_stopped = 1)
    AND NOT EXISTS (
        SELECT 1 FROM job_input i
        LEFT JOIN repo r ON r.project = i.project AND r.name = i.repo
        LEFT JOIN commits c ON c.repo = r.id AND c.uuid = i.uuid AND c.state = {COMMIT_STATE.code(CommitState.FINISHED)}
        WHERE i.job = j.id AND c.id IS NULL
    )
"""  # noqa: S608  # constants
"""A trigger made it, its pipeline is not stopped, and every input is a commit that is there."""

_COULD_START = f"""
    {_WAITS} AND NOT EXISTS (
        SELECT 1 FROM job o WHERE o.output_repo = j.output_repo AND o.output_branch = j.output_branch
        AND o.state < {JOB_TERMINAL_FROM} AND (o.state <> {_CREATED} OR o.id < j.id)
    )
"""  # noqa: S608  # constants
"""Also, nobody runs a job of the same branch, and no older one waits."""

_READY = f"SELECT j.id FROM job j WHERE j.pipeline = ? AND {_COULD_START}"  # noqa: S608  # constants
_TAKE = f"UPDATE job AS j SET state = {_STARTING} WHERE j.id = ? AND {_COULD_START}"  # noqa: S608  # constants
_WAITING = f"""
    SELECT j.id, j.uuid, j.output_repo, j.output_branch FROM job j WHERE j.pipeline = ? AND {_WAITS}
"""  # noqa: S608  # constants
_GIVE_BACK = f"""
    UPDATE job SET state = {_CREATED}, started_us = NULL, restarts = restarts + 1,
    {", ".join(f"{counter} = 0" for counter in newjobs.COUNTERS)} WHERE id = ? AND state < {_FINISHING}
"""  # noqa: S608  # constants
_LAYERS = "SELECT layer FROM attempt WHERE job = ? UNION SELECT layer FROM stack WHERE job = ?"


def ready(db: Connection, pipelines: Collection[int]) -> list[int]:
    """Return the jobs of these pipelines that could start now, the oldest first."""
    return sorted(job for pipeline in set(pipelines) for job in query.values(db, _READY, (pipeline,)))


def take(tx: Transaction, job: int) -> bool:
    """Go from CREATED to STARTING; False: somebody else did, or it cannot start any more."""
    return bool(query.write(tx.db, "job", _TAKE, (job,)))


def holds(db: Connection, job: int) -> bool:
    """Tell whether a trigger made a job that has not ended."""
    return query.exists(db, "SELECT 1 FROM queue WHERE job = ?", (job,))


def supersede(tx: Transaction, pipelines: Collection[int]) -> int:
    """End the jobs that could run later than a newer one of the same branch can now; return how many."""
    newest: dict[tuple[int, str], Row] = {}
    count = 0
    waiting = [row for pipeline in set(pipelines) for row in query.rows(tx.db, _WAITING, (pipeline,))]
    for row in sorted(waiting, reverse=True):
        newer = newest.setdefault((row.output_repo, row.output_branch), row)
        if newer is not row:
            reason = f"superseded by the job {newer.uuid}, of a newer commit"
            ends.end_waiting(tx, row.id, ends.End(JobState.KILLED, reason, ends.STOPPED_STATUS))
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
    if not query.write(tx.db, "job", _GIVE_BACK, (job,)):
        return True
    stops.forget(tx, job)
    for layer in query.values(tx.db, _LAYERS, (job, job)):
        staging.set_state(tx, layer, LayerState.DROPPING)
        uploads.drop_all(tx, uploads.place_of_layer(layer))
    datums.forget(tx, job)
    for table in ("attempt", "stack", "observed"):
        tx.db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))  # noqa: S608  # constants
    triggers.renew(tx, job)
    return True
