"""One job from its start to its end. The steps stand in `run_job`, in their order."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
import trio

from runner.host.log import Log
from runner.host.signals import Stop, pass_on
from runner.host.spans import ATTEMPT, FINALIZE, JOB
from runner.job import finalize, sentences
from runner.job.attempt import Serve, Tried, try_datum
from runner.job.datums import Datum, Datums
from runner.job.egress import egress
from runner.job.finalize import StoppedWhileFinishing, Work
from runner.job.journal import Journal
from runner.job.outcome import (
    SIGTERM,
    STATUS_FAILED,
    STATUS_SIGNAL,
    STATUS_TIMEOUT,
    STATUS_UNUSABLE,
    Failure,
    JobOutcome,
    give_up,
    keeping,
    only,
    status_of,
)
from runner.job.plan import nothing_run, plan, skipped
from runner.job.prepare import Ready
from runner.model.errors import Conflict, Invalid, RunnerError
from runner.model.job import Attempt, DatumState, JobState
from runner.store.joblog import JobLog
from runner.store.sessions import DatumCounts, JobSession
from runner.store.stops import JobStopped

AGAIN = "the job begins anew, by the present spec of its pipeline"


async def run_job(
    session: JobSession,
    ready: Ready,
    serve: Serve,
    log: Log,
    kept: JobLog,
    *,
    stop: Stop | None = None,
    halt: Stop | None = None,
    skip: bool = True,
) -> JobOutcome:
    """Run a job to its end: every datum, then one commit, or nothing.

    Args:
        session: A job that was just opened.
        ready: What runs, and where.
        serve: Gives each attempt's view an endpoint.
        log: Whom everything is told.
        kept: Keeps what is told with the job; it is run and closed here.
        stop: Asked before the seal: nothing is published. Afterwards asked twice: the next command completes it.
        halt: Asked when somebody wrote into the store that the job is to end; how it ends stands there too.
        skip: Whether what is as it was in the last good job need not be run again, where the spec allows it.

    Returns:
        The outcome, also of a job that failed, was stopped or ran out of time.

    Raises:
        RunnerError: The store failed, or somebody else decided about the job. It was abandoned where that was possible.

    Cancellation: as *stop* before the seal; the job is abandoned as KILLED.
    """
    key = session.key
    log.redactor.add(ready.secrets.values)
    run = _Run(session, ready, serve, Journal(log, kept), stop=stop or Stop(), halt=halt or Stop(), skip=skip)
    with (
        structlog.contextvars.bound_contextvars(
            project=key.project, pipeline=key.pipeline, job_id=key.id, worker_id=ready.host.machine.name
        ),
        run.spans.open(JOB, trace_id=key.id, state=session.job.state) as span,
    ):
        async with keeping(kept):
            try:
                outcome = await run.to_end()
            except BaseException as exc:
                cause = only(exc)
                if not isinstance(cause, JobStopped):
                    await run.give_up(cause)
                    raise
                outcome = await run.stopped(cause)
            finally:
                span.attributes["state"] = session.job.state
            span.failure = outcome.reason if outcome.status else ""
        return outcome


class _Run:
    """A job under way."""

    def __init__(
        self,
        session: JobSession,
        ready: Ready,
        serve: Serve,
        journal: Journal,
        *,
        stop: Stop,
        halt: Stop,
        skip: bool,
    ) -> None:
        self._skip = skip
        key = session.key
        self.spans = ready.host.spans.about(project=key.project, pipeline=key.pipeline, job_id=key.id)
        self._session = session
        self._ready = ready
        self._serve = serve
        self._journal = journal
        self._stop = stop
        self._halt = halt
        self._timed_out = False
        self._attempts: list[Attempt] = []
        self._tried: Tried | None = None
        self._any_ran = False
        self._counts = DatumCounts()
        self._egress: Mapping[str, Any] | None = None
        self._is_finishing = False

    async def to_end(self) -> JobOutcome:
        """Start, run all datums, publish or abandon."""
        session, pipeline = self._session, self._ready.pipeline
        await session.start()
        await self._journal.say("job.started", str(session.key))
        objects = {name: traffic.total_objects or 0 for name, traffic in session.traffic().items()}
        for pinned in session.inputs:
            await self._journal.say(
                "input.opened", f"{pinned.name}: {pinned.repo}@{pinned.commit}, {objects[pinned.name]} objects"
            )
        host = self._ready.host
        if host.settings.private_tmp and not host.isolation.namespaces:
            await self._journal.say(
                "tmp.shared", "no mounts are permitted here: only TMPDIR is private", level="warning"
            )
        if notice := self._ready.limits.notice:
            await self._journal.say("limits.not_held", notice, level="warning")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_stop)
            if pipeline.job_timeout_seconds is not None:
                nursery.start_soon(self._watch_time, pipeline.job_timeout_seconds)
            failure = await self._plan_and_run()
            target = self._ready.egress
            if failure is None and target is not None and not self._halt.asked.is_set():
                self._egress = await egress(session, self._ready, target, self._journal, self._halt)
            nursery.cancel_scope.cancel()
        if self._halt.asked.is_set():
            failure = self._halted()
        if failure is not None:
            return await self._abandon(failure)
        return await self._publish()

    async def give_up(self, exc: BaseException) -> None:
        """Abandon the job after *exc*; one that is sealed, and not lost to others, will be completed instead."""
        if self._is_finishing and not isinstance(exc, Conflict):
            return
        await give_up(self._session, exc, self._counts)

    async def stopped(self, exc: JobStopped) -> JobOutcome:
        """End the job, which the store lets begin nothing and seal nothing any more."""
        return await self._abandon(Failure(JobState.KILLED, STATUS_SIGNAL + SIGTERM, exc.message))

    async def _plan_and_run(self) -> Failure | None:
        try:
            datums = await plan(self._session, self._ready, skip=self._skip)
        except Invalid as exc:  # wrong before anything ran
            return Failure(JobState.FAILURE, status_of(exc), " ".join(exc.message.split()))
        self._counts = DatumCounts(data_total=len(datums), data_skipped=self._session.job.data_skipped)
        if self._counts.data_skipped:
            await self._journal.say("datums.skipped", skipped(self._session, self._counts))
        return await self._run_datums(datums)

    async def _run_datums(self, datums: Datums) -> Failure | None:
        """Run all datums, also after one failed, as Pachyderm does; return the first failure."""
        failure: Failure | None = None
        for datum in datums:
            if self._halt.asked.is_set():
                return failure
            if self._session.datums.is_skipped(datum.id):
                continue
            with structlog.contextvars.bound_contextvars(datum_id=datum.id):
                failed = await self._run_datum(datum)
            failure = failure or failed
        if failure is None and not self._ready.pipeline.s3_out:
            key = await self._session.datums.find_collision()
            failure = None if key is None else Failure(JobState.FAILURE, STATUS_FAILED, sentences.collision(key))
        return failure

    async def _run_datum(self, datum: Datum) -> Failure | None:
        """Try one datum as often as it may be tried."""
        counts = self._counts
        recovered = False
        for number in range(1, self._ready.pipeline.datum_tries + 1):
            tried = await self._try_datum(datum, number)
            self._tried = tried
            self._attempts.append(tried.attempt)
            self._any_ran = self._any_ran or tried.ran
            recovered = recovered or tried.recovered
            if tried.succeeded:
                self._counts = replace(counts, data_processed=counts.data_processed + 1)
                return None
            if self._halt.asked.is_set() or tried.is_final:
                break
        if recovered and not self._halt.asked.is_set():
            await self._session.datums.end(datum.id, DatumState.RECOVERED)
            self._counts = replace(counts, data_recovered=counts.data_recovered + 1)
            return None
        await self._session.datums.end(datum.id, DatumState.FAILED)
        self._counts = replace(counts, data_failed=counts.data_failed + 1)
        return self._failed(datum, tried)

    async def _try_datum(self, datum: Datum, number: int) -> Tried:
        with self.spans.open(ATTEMPT, datum_id=datum.id, number=number, outcome="broken") as span:
            tried = await try_datum(
                self._session,
                self._ready,
                self._serve,
                self._journal,
                datum,
                number=number,
                halt=self._halt,
                spans=self.spans,
                traceparent=span.traceparent,
            )
            span.attributes["outcome"] = "success" if tried.succeeded else "recovered" if tried.recovered else "failure"
            span.failure = tried.attempt.reason
        return tried

    def _outcome_of(self, tried: Tried) -> str:
        if tried.succeeded:
            return "success"
        return "recovered" if tried.recovered else "stopped" if self._halt.asked.is_set() else "failure"

    def _failed(self, datum: Datum, tried: Tried) -> Failure:
        status = STATUS_TIMEOUT if tried.timed_out else STATUS_FAILED if self._any_ran else STATUS_UNUSABLE
        reason = tried.attempt.reason
        return Failure(JobState.FAILURE, status, sentences.of_datum(datum.id, reason, self._counts.data_total))

    def _halted(self) -> Failure:
        """Say who ended the job before its time."""
        status = STATUS_TIMEOUT if self._timed_out else STATUS_SIGNAL + (self._halt.signal or SIGTERM)
        return Failure(JobState.KILLED, status, f"the job was {self._halt.reason}")

    async def _abandon(self, failure: Failure) -> JobOutcome:
        if self._stop.asked.is_set() and self._session.is_queued:
            await self._session.give_back()
            return JobOutcome(self._session.job, failure.status, f"{failure.reason}; another worker takes it up")
        await finalize.abandon(self._session, failure.state, failure.reason, failure.status, self._counts)
        job = self._session.job  # may have ended in another way: somebody wanted that
        if not job.state.is_terminal:
            await self._journal.say("job.given_back", AGAIN)
            return JobOutcome(job, failure.status, AGAIN)
        event = "job.failed" if job.state is JobState.FAILURE else "job.killed"
        await self._journal.say(event, job.reason, level="error")
        return JobOutcome(job, failure.status if job.status is None else job.status, job.reason)

    async def _publish(self) -> JobOutcome:
        environment = self._tried.environment if self._tried else {}
        work = Work(self._attempts, self._counts, environment, self._egress)
        self._is_finishing = True
        try:
            with self.spans.open(FINALIZE):
                commit, summary = await finalize.publish(self._session, self._ready, self._journal, work, self._stop)
        except StoppedWhileFinishing:
            reason = "stopped while it was committed; the next command completes it"
            return JobOutcome(self._session.job, STATUS_SIGNAL + (self._stop.signal or SIGTERM), reason)
        nothing = "" if self._attempts else nothing_run(self._session, self._counts)
        with contextlib.suppress(RunnerError):  # the commit stands; that its log lacks a line changes nothing
            await self._journal.say(
                "commit.finished", f"{commit.repo}@{commit.branch} {commit.id[:8]} {commit.objects} objects"
            )
            await self._journal.say("job.succeeded", nothing or str(self._session.key))
        job = self._session.job
        return JobOutcome(job, job.status or 0, job.reason or nothing, commit, summary)

    async def _watch_stop(self) -> None:
        """Pass a wish to stop on to the attempt, and say so."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_on, self._stop, self._halt)
            await self._stop.asked.wait()
            grace = self._ready.host.settings.grace_seconds
            await self._journal.say("job.stopping", f"stopping, {grace:g}s grace; again to kill")

    async def _watch_time(self, seconds: float) -> None:
        await trio.sleep(seconds)
        if not self._halt.asked.is_set():
            self._timed_out = True
            self._halt.ask(f"ended by the job_timeout of {seconds:g}s")
