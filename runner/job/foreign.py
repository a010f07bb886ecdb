"""One job whose process runs elsewhere: opened, handed over, and settled by what the other side says of its end.

It has one datum and one try: the process cannot be started from here, nor ended; its view can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog
import trio

from runner.host.log import Log
from runner.host.signals import Stop
from runner.host.spans import ATTEMPT
from runner.job import sentences
from runner.job.attempt import Serve
from runner.job.datums import Datum, InputNotSupported
from runner.job.environment import Gate, Identity, build, generated_files
from runner.job.finalize import Work
from runner.job.journal import Journal
from runner.job.life import Life
from runner.job.limits import Limits
from runner.job.otherside import Ended, OtherSide
from runner.job.outcome import (
    SIGTERM,
    STATUS_SIGNAL,
    STATUS_TIMEOUT,
    Failure,
    JobOutcome,
)
from runner.job.plan import plan
from runner.job.prepare import JobHost, Ready
from runner.job.secrets import Secrets
from runner.job.share import PLACES
from runner.job.verdict import judge
from runner.model.errors import Invalid
from runner.model.job import Attempt, DatumState, JobState, ProcessExit
from runner.model.pipeline import PfsInput, Pipeline
from runner.store.jobs.joblog import JobLog
from runner.store.sessions.sessions import DatumCounts, JobSession

_CLOSE_SECONDS = 10


class OutputNotSupported(Invalid):
    """The spec wants its output in another way than such a job gives it."""


class VariableImpossible(Invalid):
    """The spec sets a variable to what none can hold."""


def prepare_foreign(pipeline: Pipeline, host: JobHost) -> Ready:
    """Settle what can be handed over to a process elsewhere; nothing is made.

    Secrets are left to the other side, which gets them as any container does.

    Raises:
        InputNotSupported, OutputNotSupported, VariableImpossible: (Invalid) buckets and variables are all that reaches
            it.
    """
    if pipeline.input is None:
        raise InputNotSupported(f"pipeline {pipeline.name!r} has no input", hint='write an input with "s3": true')
    for leaf in pipeline.leaves():
        if not (isinstance(leaf, PfsInput) and leaf.s3):
            raise InputNotSupported(
                f"input {leaf.name!r} would lie in /pfs, which is another container's",
                hint='write "s3": true and "glob": "/"',
            )
    if not pipeline.s3_out:
        raise OutputNotSupported(
            f"pipeline {pipeline.name!r} leaves its output in /pfs/out, which is another container's",
            hint='write "s3_out": true and put it to s3://out',
        )
    for name, value in pipeline.transform.env.items():
        if "\0" in name + value:
            raise VariableImpossible(f"transform.env of pipeline {pipeline.name!r}: {name!r} holds a NUL character")
    return Ready(pipeline, host, Secrets({}, (), ()), None, Limits({}))


async def run_foreign(
    session: JobSession,
    ready: Ready,
    serve: Serve,
    other: OtherSide,
    *,
    log: Log,
    kept: JobLog,
    stop: Stop,
    halt: Stop,
    opened: Callable[[str], None],
) -> JobOutcome:
    """Run a job to its end: one commit, or nothing.

    Args:
        session: A job that was just opened.
        ready: Of `prepare_foreign`.
        serve: Gives the view an endpoint.
        other: Where the process runs; its `OtherSide.run` is running.
        log: Whom everything is told.
        kept: Keeps what is told with the job; it is run and closed here.
        stop: Asked before the command ended: nothing is published, after a grace in which the other side may still say
            how it ended. Asked twice after the seal: the next command completes it.
        halt: Asked when somebody wrote into the store that the job is to end.
        opened: Told the endpoint once the other side can go to work; never, when there is nothing to do.

    Returns:
        The outcome, also of a job that failed, was stopped or ran out of time.

    Raises:
        RunnerError: The store or the folder failed, or somebody else decided about the job. It was abandoned where
            that was possible.

    Cancellation: as *stop* before the seal; the job is abandoned as KILLED.
    """
    life = Life(session, ready, Journal(log, kept), stop)
    return await life.to_end(_Foreign(life, serve, other, halt, opened).to_end, kept)


@dataclass(slots=True)
class _Foreign:
    """A job under way; the arguments of `run_foreign`, and how far it is."""

    life: Life
    serve: Serve
    other: OtherSide
    halt: Stop
    opened: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    is_stopping: bool = False

    @property
    def session(self) -> JobSession:
        """The job in the store."""
        return self.life.session

    @property
    def ready(self) -> Ready:
        """What runs."""
        return self.life.ready

    @property
    def journal(self) -> Journal:
        """Whom everything is told."""
        return self.life.journal

    @property
    def stop(self) -> Stop:
        """Whether we are told to end."""
        return self.life.stop

    async def to_end(self) -> JobOutcome:
        """Start, hand over, wait, publish or abandon."""
        await self.life.begin()
        if self.ready.pipeline.transform.secrets:
            await self.journal.say(
                "secrets.left_out", "secrets of the spec are given to the other container itself", level="warning"
            )
        datum = next(iter(await plan(self.session, self.ready, skip=False)), None)
        if datum is None:
            return await self._publish()
        with (
            structlog.contextvars.bound_contextvars(datum_id=datum.id),
            self.life.spans.open(ATTEMPT, datum_id=datum.id, number=1, outcome="broken") as span,
        ):
            failure = await self._try(datum, span.traceparent)
            span.attributes["outcome"] = "failure" if failure else "success"
            span.failure = failure.reason if failure else ""
        if failure is None:
            self.life.counts = DatumCounts(1, data_processed=1)
            return await self._publish()
        await self.session.datums.end(datum.id, DatumState.FAILED)
        self.life.counts = DatumCounts(1, data_failed=1)
        return await self.life.abandon(failure)

    async def _try(self, datum: Datum, traceparent: str) -> Failure | None:
        """Open the view, wait for the command's end, and close it; return why the job fails."""
        host = self.ready.host
        token = host.new_token() if host.new_token else None
        self.journal.log.redactor.add([token] if token else [])
        attempt = await self.session.open_attempt(datum.id, 1)
        try:
            async with self.serve(attempt.view, token) as endpoint:
                await self._hand_over(datum, Gate(endpoint, token, host.region), traceparent)
                ended, failure = await self._wait()
                exit_ = None if ended is None or ended.status is None else ProcessExit(ended.status, None)
                reason = failure.reason if failure else ""
                self.attempts.append(await attempt.close(keep=failure is None, exit=exit_, reason=reason))
                await self._say_finished(ended, failure)
                if failure is None and attempt.dropped_uploads:
                    await self.journal.say(
                        "uploads.dropped", sentences.dropped(attempt.dropped_uploads), level="warning"
                    )
        except BaseException:
            with trio.move_on_after(_CLOSE_SECONDS, shield=True):
                await attempt.close(keep=False, exit=None, reason="broken off")
            raise
        return failure

    async def _hand_over(self, datum: Datum, gate: Gate, traceparent: str) -> None:
        """Let the other side find what a command finds."""
        pipeline, host, share = self.ready.pipeline, self.ready.host, self.other.share
        environment = build(
            host.inherited,
            pipeline=pipeline,
            identity=Identity(self.session.key, host.machine.name),
            datum=datum,
            gate=gate,
            places=PLACES,
            inject=host.settings.inject,
            hide=host.settings.hide,
            secrets={},
            traceparent=traceparent,
        )
        names = [each.name for each in self.session.inputs]
        spec = pipeline.transform.env
        left_out = await self.other.do(lambda: share.put_environment(environment, generated_files(gate), names, spec))
        self.environment = environment
        for name in left_out:
            if name in spec:
                await self.journal.say("variable.left_out", f"sh cannot export {name!r}", level="warning")
        await self.journal.say("environment.written", f"the command may start: {share.folder / 'run'} COMMAND")
        self.opened(gate.endpoint)

    async def _wait(self) -> tuple[Ended | None, Failure | None]:
        """Wait for the command's end, or for a reason to wait no longer."""
        broken: list[Failure] = []
        async with trio.open_nursery() as nursery:

            def break_off(failure: Failure) -> None:
                broken.append(failure)
                nursery.cancel_scope.cancel()

            nursery.start_soon(self._watch_stop, break_off)
            nursery.start_soon(self._watch_halt, break_off)
            nursery.start_soon(self._watch_time, break_off)
            nursery.start_soon(self._watch_start, break_off)
            ended = await self.other.ended()
            nursery.cancel_scope.cancel()
        if broken:
            return None, broken[0]
        return ended, self._stopped() if self.is_stopping else judge(ended, self.ready.pipeline.transform)

    async def _watch_stop(self, break_off: Callable[[Failure], None]) -> None:
        """Break off some time after we are told to stop, unless the command had ended by then."""
        await self.stop.asked.wait()
        if await self.other.look() is not None:
            return
        self.is_stopping = True
        grace = self.ready.host.settings.grace_seconds
        await self.journal.say("job.stopping", f"stopping, {grace:g}s grace for the command; again to stop at once")
        with trio.move_on_after(grace):
            await self.stop.again.wait()
        break_off(self._stopped())

    async def _watch_halt(self, break_off: Callable[[Failure], None]) -> None:
        await self.halt.asked.wait()
        break_off(Failure(JobState.KILLED, STATUS_SIGNAL + SIGTERM, self.halt.reason))

    def _stopped(self) -> Failure:
        status = STATUS_SIGNAL + (self.stop.signal or SIGTERM)
        return Failure(JobState.KILLED, status, f"the job was {self.stop.reason}")

    async def _watch_time(self, break_off: Callable[[Failure], None]) -> None:
        seconds = self.ready.pipeline.job_timeout_seconds
        await trio.sleep(math.inf if seconds is None else seconds)
        reason = f"the job was ended by the job_timeout of {seconds:g}s"
        break_off(Failure(JobState.KILLED, STATUS_TIMEOUT, reason))

    async def _watch_start(self, break_off: Callable[[Failure], None]) -> None:
        """Tell that the command was started, and limit its time."""
        await self.other.started.wait()
        words = await self.other.do(self.other.share.command)
        await self.journal.say("transform.started", sentences.command_name(words))
        seconds = self.ready.pipeline.datum_timeout_seconds
        await trio.sleep(math.inf if seconds is None else seconds)
        reason = f"{sentences.command_name(words)} was ended by the datum_timeout of {seconds:g}s"
        break_off(Failure(JobState.FAILURE, STATUS_TIMEOUT, reason))

    async def _say_finished(self, ended: Ended | None, failure: Failure | None) -> None:
        message = failure.reason if failure else f"the command exited {ended.status if ended else ''}"
        await self.journal.say("transform.finished", message, level="warning" if failure else "info")

    async def _publish(self) -> JobOutcome:
        command = await self.other.do(self.other.share.command)
        # What the spec says of the command was not done here; what the other side did stands in the record.
        transform = replace(self.ready.pipeline.transform, cmd=tuple(command), stdin=None, working_dir="", user="")
        ready = replace(self.ready, pipeline=replace(self.ready.pipeline, transform=transform))
        return await self.life.publish(ready, Work(self.attempts, self.life.counts, self.environment))
