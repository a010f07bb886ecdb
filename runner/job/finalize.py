"""The end of a job: sealed and published as one commit with its record, or put aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from runner.host.signals import Stop
from runner.job import provenance
from runner.job.journal import Journal
from runner.job.prepare import Ready
from runner.model.commit import Commit
from runner.model.job import Attempt, JobState
from runner.store.sessions.sessions import DatumCounts, JobSession, OutputSummary

_ABANDON_SECONDS = 30


class StoppedWhileFinishing(Exception):  # no error: the job is sealed, and its commit will stand
    """Somebody insisted that we stop; the next command that meets the job completes it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all attempts of a job came to; *environment* is the last one's, *egress* what was copied, if anything."""

    attempts: Sequence[Attempt]
    counts: DatumCounts
    environment: Mapping[str, str]
    egress: Mapping[str, Any] | None = None


async def publish(
    session: JobSession, ready: Ready, journal: Journal, work: Work, stop: Stop
) -> tuple[Commit, OutputSummary]:
    """Seal the output, and commit it together with the record.

    From the seal on one wish to stop is not heard, since what was computed is complete; the second is.

    Raises:
        StoppedWhileFinishing: The job is sealed but not committed.
        JobLost, BranchGone: (Conflict) somebody else decided about the job or its branch.

    Cancellation: not heard either, until it is done.
    """
    draft = provenance.build(
        key=session.key,
        version=session.job.version,
        pipeline=ready.pipeline,
        machine=ready.host.machine,
        environment=work.environment,
        allowed=ready.host.settings.record_environment,
        inputs=[(pinned, session.input_digest(pinned)) for pinned in session.inputs],
        observed=session.reads.snapshot(),
        attempts=work.attempts,
        skipped=work.counts.data_skipped,
        base=session.datums.base,
        clean=journal.log.redactor.text,
    )
    if work.egress is not None:
        draft = {**draft, "egress": work.egress}
    with trio.CancelScope(shield=True) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_insisted, stop, scope)
            await session.seal(draft, work.counts)
            await journal.say("job.sealed", "the output is complete; nothing can be written to it any more")
            summary = await session.summary()
            output = provenance.output_entry(session.key.id, summary.digest, summary.objects, summary.size_bytes)
            record = {**draft, "output": output}
            await session.commit(record)
            nursery.cancel_scope.cancel()
    if session.job.state is not JobState.SUCCESS:
        raise StoppedWhileFinishing
    with trio.CancelScope(shield=True):
        commit = await session.commit(record)  # once more is the same commit, also when its answer was cut off
    return commit, summary


async def abandon(session: JobSession, state: JobState, reason: str, status: int, counts: DatumCounts) -> None:
    """End the job without a commit, shielded and within a limit; what it wrote is kept aside."""
    with trio.move_on_after(_ABANDON_SECONDS, shield=True):
        await session.abandon(state, reason, status, counts)


async def _cancel_when_insisted(stop: Stop, scope: trio.CancelScope) -> None:
    await stop.again.wait()
    scope.cancel()
