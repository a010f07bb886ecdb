"""What every job goes through, whoever runs its command: it is begun, ends in one way, and all of it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from runner.host.signals import Stop
from runner.host.spans import FINALIZE, JOB, Spans
from runner.job import finalize
from runner.job.finalize import StoppedWhileFinishing, Work
from runner.job.journal import Journal
from runner.job.outcome import SIGTERM, STATUS_SIGNAL, Failure, JobOutcome, give_up, keeping, only
from runner.job.plan import nothing_run
from runner.job.prepare import Ready
from runner.job.sentences import objects
from runner.model.errors import Conflict, RunnerError
from runner.model.job import JobState
from runner.store.jobs.joblog import JobLog
from runner.store.jobs.stops import JobStopped
from runner.store.sessions.sessions import DatumCounts, JobSession

_AGAIN = "the job begins anew, by the present spec of its pipeline"


@dataclass(slots=True)
class Life:
    """A job under way, and how far it is.

    Attributes:
        stop: Asked when we are told to end.
        counts: What became of its datums.
    """

    session: JobSession
    ready: Ready
    journal: Journal
    stop: Stop
    counts: DatumCounts = field(default_factory=DatumCounts)
    _is_finishing: bool = False

    @property
    def spans(self) -> Spans:
        """What is measured of it."""
        key = self.session.key
        return self.ready.host.spans.about(project=key.project, pipeline=key.pipeline, job_id=key.id)

    async def to_end(self, steps: Callable[[], Awaitable[JobOutcome]], kept: JobLog) -> JobOutcome:
        """Run *steps* and return their outcome, or that of a job which the store let go no further.

        Args:
            steps: End with `abandon` or `publish`.
            kept: Keeps what is told with the job; it is run and closed here.

        Raises:
            Whatever *steps* raises; the job was abandoned where that was possible.
        """
        key = self.session.key
        with (
            structlog.contextvars.bound_contextvars(
                project=key.project, pipeline=key.pipeline, job_id=key.id, worker_id=self.ready.host.machine.name
            ),
            self.spans.open(JOB, trace_id=key.id, state=self.session.job.state) as span,
        ):
            async with keeping(kept):
                try:
                    outcome = await steps()
                except BaseException as exc:
                    cause = only(exc)
                    if not isinstance(cause, JobStopped):
                        await self._give_up(cause)
                        raise
                    outcome = await self.abandon(Failure(JobState.KILLED, STATUS_SIGNAL + SIGTERM, cause.message))
                finally:
                    span.attributes["state"] = self.session.job.state
                span.failure = outcome.reason if outcome.status else ""
            return outcome

    async def begin(self) -> None:
        """Start the job, and tell what it reads."""
        await self.session.start()
        await self.journal.say("job.started", str(self.session.key))
        counts = {name: traffic.total_objects or 0 for name, traffic in self.session.traffic().items()}
        for pinned in self.session.inputs:
            await self.journal.say(
                "input.opened", f"{pinned.name}: {pinned.repo}@{pinned.commit}, {objects(counts[pinned.name])}"
            )

    async def abandon(self, failure: Failure) -> JobOutcome:
        """End the job without a commit, or give it back to the workers when it is we who were told to stop."""
        if self.stop.asked.is_set() and self.session.is_queued:
            await self.session.give_back()
            return JobOutcome(self.session.job, failure.status, f"{failure.reason}; another worker takes it up")
        await finalize.abandon(self.session, failure.state, failure.reason, failure.status, self.counts)
        job = self.session.job  # may have ended in another way: somebody wanted that
        if not job.state.is_terminal:
            await self.journal.say("job.given_back", _AGAIN)
            return JobOutcome(job, failure.status, _AGAIN)
        event = "job.failed" if job.state is JobState.FAILURE else "job.killed"
        await self.journal.say(event, job.reason, level="error")
        return JobOutcome(job, failure.status if job.status is None else job.status, job.reason)

    async def publish(self, ready: Ready, work: Work) -> JobOutcome:
        """Make the commit of what was written.

        Args:
            ready: What was run, as the record tells it.
            work: What was done.
        """
        self._is_finishing = True
        try:
            with self.spans.open(FINALIZE):
                commit, summary = await finalize.publish(self.session, ready, self.journal, work, self.stop)
        except StoppedWhileFinishing:
            reason = "stopped while it was committed; the next command completes it"
            return JobOutcome(self.session.job, STATUS_SIGNAL + (self.stop.signal or SIGTERM), reason)
        nothing = "" if work.attempts else nothing_run(self.session, self.counts)
        with contextlib.suppress(RunnerError):  # the commit stands; that its log lacks a line changes nothing
            await self.journal.say(
                "commit.finished", f"{commit.repo}@{commit.branch} {commit.id[:8]} {objects(commit.objects)}"
            )
            await self.journal.say("job.succeeded", nothing or str(self.session.key))
        job = self.session.job
        return JobOutcome(job, job.status or 0, job.reason or nothing, commit, summary)

    async def _give_up(self, exc: BaseException) -> None:
        """Abandon the job after *exc*; one that is sealed, and not lost to others, will be completed instead."""
        if not self._is_finishing or isinstance(exc, Conflict):
            await give_up(self.session, exc, self.counts)
