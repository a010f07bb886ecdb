"""Settling what dead processes left behind, by the state in which it stands.

A job that was sealed is committed, with the record that was journalled then; an earlier one is given back to the
workers when a trigger made it, and else abandoned. A burst becomes a commit. What a living process owns is left alone:
its owner says so. Each step may be repeated, also by several processes at once.
"""

from __future__ import annotations

from functools import partial

import structlog

from runner.model.job import JobKey, JobState
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE, JOB_TERMINAL_FROM, LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.catalog.sums import RowDamaged
from runner.store.jobs import finishing, jobs, queue, stops
from runner.store.jobs.ends import End
from runner.store.jobs.finishing import BranchGone
from runner.store.layers import staging
from runner.store.owners import Owner, fenced, job_owner, owning
from runner.store.store import Store
from runner.store.writing import closing

DIED_STATUS = 137
"""128 + SIGKILL: the runner had no chance to say another."""
LOST_STATUS = 3
_ROWS_PER_SLOT = 2000

# "Not sealed" is said besides, in the words of the index of such layers: there are few.
_UNFINISHED = f"state <> {LayerState.SEALED:d} AND state IN ({LayerState.OPEN:d}, {LayerState.BUILDING:d})"

_UNFINISHED_JOBS = f"""
    SELECT j.id, p.project, p.name, j.uuid FROM job j JOIN pipeline p ON p.id = j.pipeline
    WHERE j.state < {JOB_TERMINAL_FROM}
    AND NOT (j.state = {JOB_STATE.code(JobState.CREATED)} AND j.id IN (SELECT job FROM queue))
    ORDER BY j.id
"""  # noqa: S608  # constants
_ORPHANS = f"SELECT id, owner FROM layer WHERE {_UNFINISHED} AND id NOT IN (SELECT layer FROM burst)"  # noqa: S608  # constants
_DROP = f"UPDATE layer SET state = {LayerState.DROPPING:d} WHERE id = ? AND {_UNFINISHED}"  # noqa: S608  # constants
_DROPPING = f"SELECT id FROM layer WHERE state <> {LayerState.SEALED:d} AND state = {LayerState.DROPPING:d}"  # noqa: S608  # constants

_log = structlog.get_logger()


async def settle(store: Store) -> None:
    """Settle jobs and bursts of dead processes, and drop layers that nobody will finish.

    Cancellation: what is not settled is met again.
    """
    unfinished = {number: JobKey(*key) for number, *key in query.rows(store.catalog.db, _UNFINISHED_JOBS)}
    held = await store.owners.find_held([job_owner(key) for key in unfinished.values()])
    for job, key in unfinished.items():
        if job_owner(key) in held or not _is_sound(store.catalog.db, "job", job):
            continue
        async with owning(store.owners, job_owner(key)) as owner:
            if owner is not None:
                await settle_job(store, key, owner)
    await closing.settle(store)
    await _drop_orphans(store)
    await clean(store)


async def settle_job(store: Store, key: JobKey, owner: Owner) -> None:
    """Bring a job to its end, or give it back, as its *owner*; raises `OwnerLost`."""
    db = store.catalog.db
    job = jobs.require(db, key)
    state = jobs.inspect_number(db, job).state
    if state is JobState.CREATED and queue.holds(db, job):
        return  # somebody was faster
    if state is JobState.FINISHING:
        content = await finishing.content_of(store, finishing.stack_of(db, job))
        record = finishing.completed(finishing.drafted(db, job), key.id, content)
        try:
            await store.writer.write(fenced(owner, lambda tx: finishing.publish(tx, job, record, content)))
        except BranchGone as exc:
            await abandon(store, job, End(JobState.FAILURE, exc.message, LOST_STATUS), owner)
    elif not (queue.holds(db, job) and await store.writer.write(fenced(owner, partial(queue.give_back, job=job)))):
        await abandon(store, job, End(JobState.KILLED, "the runner died", DIED_STATUS), owner)
    store.hints.tell()


async def abandon(store: Store, job: int, end: End, owner: Owner) -> None:
    """End a job without moving its branch; what it left behind becomes a quarantined commit. Twice: no change.

    When somebody wanted it to begin anew, it waits again instead.

    Raises:
        OwnerLost: Another process than *owner*'s has the job.
    """
    wish = stops.find(store.catalog.db, job)
    if wish is not None and wish.is_anew and queue.holds(store.catalog.db, job):
        await store.writer.write(fenced(owner, partial(queue.give_back, job=job)))
        return
    layers = await store.writer.write(fenced(owner, partial(finishing.put_aside, job=job)))
    content = await finishing.content_of(store, layers)
    await store.writer.write(fenced(owner, lambda tx: finishing.abandon(tx, job, end, layers, content)))


async def _drop_orphans(store: Store) -> None:
    """Put those unfinished layers aside whose writer is gone; a burst, which was acknowledged, never."""
    for row in query.rows(store.catalog.db, _ORPHANS):
        if not _is_sound(store.catalog.db, "layer", row.id):
            continue
        async with owning(store.owners, row.owner) as owner:
            if owner is not None:
                await store.writer.write(fenced(owner, partial(_drop, layer=row.id)))


def _drop(tx: Transaction, layer: int) -> None:
    query.write(tx.db, "layer", _DROP, (layer,))


async def clean(store: Store) -> None:
    """Remove the rows of dropped layers, in slots that hold other writers up for some milliseconds each.

    Cancellation: what is left is removed the next time.
    """
    for layer in query.values(store.catalog.db, _DROPPING):
        if not _is_sound(store.catalog.db, "layer", layer):
            continue
        while await store.writer.write(partial(staging.remove_rows, layer=layer, limit=_ROWS_PER_SLOT)):
            pass


def _is_sound(db: Connection, table: str, number: int) -> bool:
    """Tell whether a row says what was written; what a flipped bit says ends no job and removes nothing."""
    try:
        query.sound(db, table, "id = ?", (number,))
    except RowDamaged as exc:
        _log.warning("row.damaged", message=f"{exc.message}, so it is left alone; {exc.hint}", table=table, id=number)
        return False
    return True
