"""How a job ended, whoever failed: its outcome, and what becomes of one that broke off."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from runner.job import finalize
from runner.model.commit import Commit
from runner.model.errors import Conflict, Corrupt, RunnerError, Unavailable
from runner.model.job import Job, JobState
from runner.store.jobs.joblog import JobLog
from runner.store.sessions.sessions import DatumCounts, JobSession, OutputSummary

STATUS_FAILED = 1
STATUS_UNUSABLE = 2
STATUS_TIMEOUT = 124
STATUS_SIGNAL = 128
SIGTERM = 15
_STATUS_BUG = 70
_STATUSES = {Conflict: 3, Corrupt: 4, Unavailable: 75}
_LOG_SECONDS = 10


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended, whoever failed.

    Attributes:
        job: As the store has it.
        status: The runner's exit status.
        reason: One sentence when it did not succeed, or why there was nothing to do; else empty.
        commit: The output's, when it succeeded.
        summary: What it changed on its branch, when it succeeded.
    """

    job: Job
    status: int
    reason: str = ""
    commit: Commit | None = None
    summary: OutputSummary | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job does not succeed."""

    state: JobState
    status: int
    reason: str


@asynccontextmanager
async def keeping(kept: JobLog) -> AsyncIterator[None]:
    """Write the job's log for as long as the block runs, and then to its end, also of a block that was cancelled.

    Raises:
        Whatever the block raises, and what the log raises, out of the groups of nurseries where it is one alone.
    """
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(_keep, kept)
            try:
                yield
            finally:
                with trio.move_on_after(_LOG_SECONDS, shield=True):
                    await kept.aclose()
    except BaseExceptionGroup as group:
        # The border where the groups of our nurseries end.
        if (cause := only(group)) is not group:
            raise cause from group
        raise


async def _keep(kept: JobLog, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.CancelScope(shield=True):
        await kept.run(task_status=task_status)


async def give_up(session: JobSession, exc: BaseException, counts: DatumCounts) -> None:
    """Abandon a job that is not sealed after *exc*, or give it back where a worker may take it up."""
    status, reason = _STATUS_BUG, f"the runner failed: {exc}"
    if session.is_queued and (_is_stop(exc) or isinstance(exc, Unavailable)):
        with contextlib.suppress(RunnerError), trio.move_on_after(_LOG_SECONDS, shield=True):
            await session.give_back()
        return
    if _is_stop(exc):
        status, reason = STATUS_SIGNAL + SIGTERM, "the runner was stopped"
    elif isinstance(exc, RunnerError):
        status, reason = status_of(exc), exc.message
    with contextlib.suppress(RunnerError):  # the store is still in the way; whoever meets the job next settles it
        await finalize.abandon(session, JobState.KILLED, reason, status, counts)


def status_of(error: RunnerError) -> int:
    """Return the exit status of an error's kind."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), STATUS_UNUSABLE)


def only(exc: BaseException) -> BaseException:
    """Return what a group of one holds: the border where groups of nurseries end."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def _is_stop(exc: BaseException) -> bool:
    """Tell whether nothing went wrong but that we were told to end."""
    if isinstance(exc, BaseExceptionGroup):
        return all(map(_is_stop, exc.exceptions))
    return isinstance(exc, (trio.Cancelled, KeyboardInterrupt))
