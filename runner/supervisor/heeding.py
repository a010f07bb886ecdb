"""Heeding, while a job runs here, that somebody wants it to end: he writes it into the store and gives a hint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio

from runner.host.beside import beside
from runner.host.signals import Stop
from runner.model.errors import Unavailable
from runner.store import Store
from runner.store.jobs.stops import Wish
from runner.store.sessions.sessions import JobSession

TAKEN_OVER = "taken over by another process, which could not reach this one"

_log = structlog.get_logger()


@asynccontextmanager
async def heeding(store: Store, session: JobSession, reconcile_seconds: float) -> AsyncIterator[Stop]:
    """Give what is asked as soon as somebody wants the job of *session* to end, or has it, while the block runs.

    Args:
        store: Where the job is.
        session: Of the job.
        reconcile_seconds: After so long we look without having been told.
    """
    halt = Stop()
    async with beside(partial(_heed, store, session, halt, reconcile_seconds)), beside(partial(_yield, session, halt)):
        yield halt


async def _heed(
    store: Store, session: JobSession, halt: Stop, reconcile_seconds: float, *, task_status: trio.TaskStatus[None]
) -> None:
    async with store.hints.listen() as news:
        task_status.started()
        while (wish := _find_wish(session)) is None:
            with trio.move_on_after(reconcile_seconds):
                await news.wait()
    key = session.key
    _log.info("job.stopping", project=key.project, pipeline=key.pipeline, job_id=key.id, message=wish.reason)
    halt.ask(wish.reason)


def _find_wish(session: JobSession) -> Wish | None:
    """Return the wish, if any is known: a store that is out of reach tells of none."""
    try:
        return session.find_wish()
    except Unavailable:
        return None


async def _yield(session: JobSession, halt: Stop, *, task_status: trio.TaskStatus[None]) -> None:
    """End what another process does by now."""
    task_status.started()
    await session.owner.lost.wait()
    key = session.key
    _log.error("job.lost", project=key.project, pipeline=key.pipeline, job_id=key.id, message=TAKEN_OVER)
    halt.ask(TAKEN_OVER)
