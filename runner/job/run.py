"""One job from its start to its end. The steps stand in `run_job`, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
import trio

from runner.host.log import Log
from runner.host.signals import Stop, pass_on
from runner.host.spans import ATTEMPT
from runner.job import sentences
from runner.job.attempt import Serve, Tried, try_datum
from runner.job.datums import Datum, Datums
from runner.job.egress import egress
from runner.job.finalize import Work
from runner.job.journal import Journal
from runner.job.life import Life
from runner.job.outcome import (
    SIGTERM,
    STATUS_FAILED,
    STATUS_SIGNAL,
    STATUS_TIMEOUT,
    STATUS_UNUSABLE,
    Failure,
    JobOutcome,
    status_of,
)
from runner.job.plan import plan, skipped
from runner.job.prepare import Ready
from runner.model.errors import Invalid
from runner.model.job import Attempt, DatumState, JobState
from runner.store.jobs.joblog import JobLog
from runner.store.sessions.sessions import DatumCounts, JobSession


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
    log.redactor.add(ready.secrets.values)
    life = Life(session, ready, Journal(log, kept), stop or Stop())
    return await life.to_end(_Run(life, serve, halt=halt or Stop(), skip=skip).to_end, kept)


class _Run:
    """A job under way."""

    def __init__(self, life: Life, serve: Serve, *, halt: Stop, skip: bool) -> None:
        self._life = life
        self._session = life.session
        self._ready = life.ready
        self._journal = life.journal
        self._serve = serve
        self._halt = halt
        self._skip = skip
        self._timed_out = False
        self._attempts: list[Attempt] = []
        self._tried: Tried | None = None
        self._any_ran = False
        self._egress: Mapping[str, Any] | None = None

    async def to_end(self) -> JobOutcome:
        """Start, run all datums, publish or abandon."""
        session, pipeline = self._session, self._ready.pipeline
        await self._life.begin()
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
            return await self._life.abandon(failure)
        environment = self._tried.environment if self._tried else {}
        return await self._life.publish(self._ready, Work(self._attempts, self._life.counts, environment, self._egress))

    async def _plan_and_run(self) -> Failure | None:
        try:
            datums = await plan(self._session, self._ready, skip=self._skip)
        except Invalid as exc:  # wrong before anything ran
            return Failure(JobState.FAILURE, status_of(exc), " ".join(exc.message.split()))
        self._life.counts = DatumCounts(data_total=len(datums), data_skipped=self._session.job.data_skipped)
        if self._life.counts.data_skipped:
            await self._journal.say("datums.skipped", skipped(self._session, self._life.counts))
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
        counts = self._life.counts
        recovered = False
        for number in range(1, self._ready.pipeline.datum_tries + 1):
            tried = await self._try_datum(datum, number)
            self._tried = tried
            self._attempts.append(tried.attempt)
            self._any_ran = self._any_ran or tried.ran
            recovered = recovered or tried.recovered
            if tried.succeeded:
                self._life.counts = replace(counts, data_processed=counts.data_processed + 1)
                return None
            if self._halt.asked.is_set() or tried.is_final:
                break
        if recovered and not self._halt.asked.is_set():
            await self._session.datums.end(datum.id, DatumState.RECOVERED)
            self._life.counts = replace(counts, data_recovered=counts.data_recovered + 1)
            return None
        await self._session.datums.end(datum.id, DatumState.FAILED)
        self._life.counts = replace(counts, data_failed=counts.data_failed + 1)
        return self._failed(datum, tried)

    async def _try_datum(self, datum: Datum, number: int) -> Tried:
        with self._life.spans.open(ATTEMPT, datum_id=datum.id, number=number, outcome="broken") as span:
            tried = await try_datum(
                self._session,
                self._ready,
                self._serve,
                self._journal,
                datum,
                number=number,
                halt=self._halt,
                spans=self._life.spans,
                traceparent=span.traceparent,
            )
            span.attributes["outcome"] = "success" if tried.succeeded else "recovered" if tried.recovered else "failure"
            span.failure = tried.attempt.reason
        return tried

    def _failed(self, datum: Datum, tried: Tried) -> Failure:
        status = STATUS_TIMEOUT if tried.timed_out else STATUS_FAILED if self._any_ran else STATUS_UNUSABLE
        reason = tried.attempt.reason
        return Failure(JobState.FAILURE, status, sentences.of_datum(datum.id, reason, self._life.counts.data_total))

    def _halted(self) -> Failure:
        """Say who ended the job before its time."""
        status = STATUS_TIMEOUT if self._timed_out else STATUS_SIGNAL + (self._halt.signal or SIGTERM)
        return Failure(JobState.KILLED, status, f"the job was {self._halt.reason}")

    async def _watch_stop(self) -> None:
        """Pass a wish to stop on to the attempt, and say so."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_on, self._life.stop, self._halt)
            await self._life.stop.asked.wait()
            grace = self._ready.host.settings.grace_seconds
            await self._journal.say("job.stopping", f"stopping, {grace:g}s grace; again to kill")

    async def _watch_time(self, seconds: float) -> None:
        await trio.sleep(seconds)
        if not self._halt.asked.is_set():
            self._timed_out = True
            self._halt.ask(f"ended by the job_timeout of {seconds:g}s")
