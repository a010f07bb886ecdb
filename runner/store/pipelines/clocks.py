"""Clocks: branches that get an empty file at each tick of a cron expression, named by its time.

Whoever runs a pipeline with a cron input lets its clock tick. That several do makes no difference: a tick is counted in
the transaction of its commit. Ticks that were missed, because nobody did or the pipeline was stopped, come in one
commit: a file for each, so that nothing that depends on a date is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from runner.model.commit import Commit
from runner.model.entry import Attributes
from runner.model.errors import Conflict
from runner.model.ids import CommitId
from runner.model.pipeline import CronInput, Pipeline
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import refs, repos
from runner.store.history.refs import RefMoved
from runner.store.jobs import followers, triggers
from runner.store.store import Store
from runner.store.times import from_us, to_us
from runner.store.writing.changes import open_change

MISSED_MAX = 1000
"""Of ticks that were missed only the latest are made up for."""

_AT = "project = ? AND repo = ? AND branch = ?"
_SET_UP = """
    INSERT INTO clock (project, repo, branch, ticked_us) VALUES (?, ?, ?, ?)
    ON CONFLICT (project, repo, branch) DO NOTHING
"""
_TICKED = f"SELECT ticked_us FROM clock WHERE {_AT}"  # noqa: S608  # a constant
_HEAD = "SELECT c.uuid FROM branch b JOIN commits c ON c.id = b.head WHERE b.repo = ? AND b.name = ?"


class TickTaken(Conflict):
    """Another worker has made the commit of that tick."""


def set_up(tx: Transaction, pipeline: Pipeline) -> None:
    """Make the repos that the clocks of a pipeline tick in; a clock that is there goes on."""
    for clock in _clocks(pipeline):
        repo = repos.ensure(tx, clock.project, clock.repo, f"ticks of {pipeline.name}")
        ref = refs.ensure(tx, repo, clock.branch)
        begun = to_us(datetime.fromisoformat(clock.start)) if clock.start else None
        if begun is not None and ref.head is None:
            tx.db.execute(f"DELETE FROM clock WHERE {_AT}", _place(clock))  # noqa: S608  # a constant
        query.write(tx.db, "clock", _SET_UP, (*_place(clock), tx.now_us if begun is None else begun))


def next_tick(store: Store, clock: CronInput) -> datetime | None:
    """Return when a clock ticks next, which may be past; None: never."""
    from runner.spec import cron

    last = _last(store.catalog.db, clock)
    return None if last is None else cron.next_tick(clock.spec, last)


async def tick(store: Store, clock: CronInput, now: datetime) -> Commit | None:
    """Commit the ticks that are due.

    Returns:
        The commit; None: none is due, or another process was first.

    Raises:
        RunnerError: It could not be written.

    Cancellation: nothing was committed, or all of it.
    """
    from runner.spec import cron

    last = _last(store.catalog.db, clock)
    due = [] if last is None else cron.latest_ticks(clock.spec, last, now, MISSED_MAX)
    if last is None or not due:
        return None
    try:
        return await _commit(store, clock, due, last)
    except (TickTaken, RefMoved):
        return None


async def follow(store: Store, numbers: Collection[int], now: datetime) -> datetime | None:
    """Let the trigger branches of some pipelines move whose time has come.

    Args:
        store: Where.
        numbers: Of the pipelines.
        now: The time.

    Returns:
        When to come again; None: there are none.
    """
    from runner.spec import cron

    timed = followers.timed(store, numbers)
    if not timed:
        return None

    def move(tx: Transaction) -> int:
        moved = [ref for leaf, trigger in timed for ref in followers.move_if_due(tx, leaf, trigger)]
        return sum(triggers.notice(tx, ref, _head_of(tx, ref)) for ref in moved)

    if await store.writer.write(move):
        store.hints.tell()
    due = (cron.next_tick(trigger.cron_spec, now) for _, trigger in timed)
    return min((time for time in due if time is not None), default=None)


def _head_of(tx: Transaction, ref: refs.Ref) -> CommitId:
    return CommitId(query.value(tx.db, _HEAD, (ref.repo, ref.name)))


async def tick_by_hand(store: Store, clock: CronInput, now: datetime) -> Commit | None:
    """Commit a tick of now, whatever the clock says; None: there is one of the same second, or somebody else wrote."""
    try:
        return await _commit(store, clock, [now], None)
    except RefMoved:
        return None


async def _commit(store: Store, clock: CronInput, due: Sequence[datetime], last: datetime | None) -> Commit | None:
    """Write a file for each time in *due*; *last* is the tick before, None: it is not counted."""
    async with open_change(store, clock.project, clock.repo, clock.branch) as change:
        if clock.overwrite:
            async with aclosing(change.walk()) as rows:
                for key in [row.key async for row in rows]:
                    await change.delete(key)
        for time in due[-1:] if clock.overwrite else due:
            await change.put(_name(time), _nothing(), Attributes())
        count = None if last is None else lambda tx: _count(tx, clock, last, due[-1])
        commit, is_new = await change.commit(count=count)
    return commit if is_new else None


def _count(tx: Transaction, clock: CronInput, last: datetime, newest: datetime) -> None:
    """Move the clock on; raises `TickTaken`."""
    same = (*_place(clock), to_us(last))
    if query.update(tx.db, "clock", {"ticked_us": to_us(newest)}, f"{_AT} AND ticked_us = ?", same) == 0:
        raise TickTaken(f"the clock {clock.repo} has ticked already")


def _last(db: Connection, clock: CronInput) -> datetime | None:
    ticked_us: int | None = query.value(db, _TICKED, _place(clock))
    return from_us(ticked_us)


def _place(clock: CronInput) -> tuple[str, str, str]:
    return clock.project, clock.repo, clock.branch


def _clocks(pipeline: Pipeline) -> list[CronInput]:
    return [leaf for leaf in pipeline.leaves() if isinstance(leaf, CronInput)]


def _name(time: datetime) -> bytes:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


async def _nothing() -> AsyncIterator[bytes]:
    yield b""
