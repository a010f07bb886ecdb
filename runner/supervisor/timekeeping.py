"""Letting the clocks of pipelines tick that a worker runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

import structlog
import trio

from runner.model.errors import RunnerError
from runner.model.pipeline import CronInput
from runner.store import Store
from runner.store.pipelines import clocks, registry

RETRY_SECONDS = 1.0
"""After so long a tick that could not be written is tried again."""

_log = structlog.get_logger()


def now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


async def keep_time(
    store: Store,
    numbers: Callable[[], Collection[int]],
    longest_seconds: float,
    *,
    clock: Callable[[], datetime] = now,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Commit each tick when it is due, until cancelled.

    Args:
        store: Where.
        numbers: Returns the pipelines, by their numbers, whose clocks are to tick at the moment.
        longest_seconds: After so long the time is looked at again, in case the machine's was set.
        clock: Tells the time.
        task_status: Told when hints are heard.
    """
    async with store.hints.listen() as news:
        task_status.started()
        while True:
            seconds = longest_seconds
            for due in await _tick_all(store, numbers, clock()):
                left = (due - clock()).total_seconds()
                seconds = min(seconds, left if left > 0 else RETRY_SECONDS)
            with trio.move_on_after(seconds):
                await news.wait()


async def _tick_all(store: Store, numbers: Callable[[], Collection[int]], time: datetime) -> list[datetime]:
    """Commit what is due, and return when to come again; what cannot be written comes with the next."""
    due = []
    try:
        for clock in registry.clocks_of(store, numbers()):
            await _tick(store, clock, time)
            due.append(clocks.next_tick(store, clock))
        due.append(await clocks.follow(store, numbers(), time))
    except RunnerError as exc:
        _log.warning("branch.not_moved", message=exc.message)
    return [each for each in due if each is not None]


async def _tick(store: Store, clock: CronInput, time: datetime) -> None:
    try:
        commit = await clocks.tick(store, clock, time)
    except RunnerError as exc:
        _log.warning("clock.not_ticked", message=f"{clock.repo}: {exc.message}")
    else:
        if commit is not None:
            _log.info("clock.ticked", message=f"{commit.repo}@{commit.id}")
