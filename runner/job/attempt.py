"""One try of one datum: a view of its own, the command, and what its end means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import trio

from runner.host.child import CouldNotStart, LauncherDied
from runner.host.process import Command, run_process
from runner.host.signals import Stop, pass_on
from runner.host.spans import COMMAND, Spans
from runner.job import sentences
from runner.job.collect import ChildView, OutputUnfit, WrittenTwice, collect
from runner.job.datums import Datum
from runner.job.egress import hidden_of
from runner.job.environment import Gate, Identity, build
from runner.job.journal import Journal
from runner.job.prepare import Ready
from runner.job.scratch import Scratch, open_scratch
from runner.job.sentences import LastWords
from runner.model.job import Attempt, ProcessExit
from runner.model.pipeline import OUTPUT_BUCKET
from runner.store.files.folder import InTheWay
from runner.store.sessions.attempts import AttemptSession
from runner.store.sessions.sessions import JobSession
from runner.store.view import View

Serve = Callable[[View, str | None], AbstractAsyncContextManager[str]]
"""Serves a view for as long as the context is open, to whoever has the token; gives the endpoint."""

_CLOSE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an attempt.

    Attributes:
        succeeded: Its output is kept.
        recovered: The command failed, and ``err_cmd`` made up for it.
        ran: The command was started.
        is_final: Another try would end no better.
        timed_out: It was ended by ``datum_timeout``.
        environment: What it found.
    """

    attempt: Attempt
    succeeded: bool
    recovered: bool
    ran: bool
    is_final: bool
    timed_out: bool
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _End:
    """How one command ended; *problem* says why it did not run, *stopped* who ended it, *shortage* what it lacked."""

    exit: ProcessExit | None
    problem: str = ""
    stopped: str = ""
    shortage: str = ""

    def __str__(self) -> str:
        if self.stopped:
            return f"was {self.stopped}"
        return sentences.how_it_ended(self.exit, self.shortage) if self.exit else "could not be started"


async def try_datum(
    session: JobSession,
    ready: Ready,
    serve: Serve,
    journal: Journal,
    datum: Datum,
    *,
    number: int,
    halt: Stop,
    spans: Spans,
    traceparent: str,
) -> Tried:
    """Run the command once for *datum*, in a view that ends with it.

    Args:
        session: Of the job, which is running.
        ready: What runs, and where.
        serve: Gives the view an endpoint.
        journal: Told what happens and what the command says.
        datum: For what.
        number: The try, 1-based.
        halt: Ends the command; whatever it did is dropped then.
        spans: Measures its commands.
        traceparent: That the command is told; empty: one that the job names.

    Raises:
        What the store and *serve* raise, in groups. The attempt is dropped then.

    Cancellation: ends the command as `run_process` does, and drops the attempt.
    """
    attempt = await session.open_attempt(datum.id, number)
    try:
        async with _open_gate(attempt, ready, serve, journal) as gate:
            try:
                async with open_scratch(ready, datum, gate, session.datums.give) as scratch:
                    environment = build(
                        ready.host.inherited,
                        pipeline=ready.pipeline,
                        identity=Identity(session.key, ready.host.machine.name),
                        datum=datum,
                        gate=gate,
                        places=scratch.places,
                        inject=ready.host.settings.inject,
                        hide=(*ready.host.settings.hide, *ready.host.credentials, *hidden_of(ready.egress)),
                        secrets=ready.secrets.environment,
                        traceparent=traceparent,
                    )
                    scratch.write_dot_env(environment)
                    world = _World(session, ready, journal, scratch, environment=environment, spans=spans)
                    return await world.run(attempt, number, halt)
            except InTheWay as exc:
                return await _not_started(attempt, journal, exc)
    except BaseException:
        with trio.move_on_after(_CLOSE_SECONDS, shield=True):
            await attempt.close(keep=False, exit=None, reason="broken off")
        raise


@asynccontextmanager
async def _open_gate(
    attempt: AttemptSession, ready: Ready, serve: Serve, journal: Journal
) -> AsyncIterator[Gate | None]:
    """Serve the buckets of an attempt, if its pipeline has any."""
    if not ready.pipeline.has_buckets:
        yield None
        return
    token = ready.host.new_token() if ready.host.new_token else None
    journal.log.redactor.add([token] if token else [])
    async with serve(attempt.view, token) as endpoint:
        yield Gate(endpoint, token, ready.host.region)


async def _not_started(attempt: AttemptSession, journal: Journal, exc: InTheWay) -> Tried:
    """Fail an attempt whose files cannot lie beside one another."""
    closed = await attempt.close(keep=False, exit=None, reason=exc.message)
    await journal.say("transform.finished", exc.message, level="warning")
    return Tried(closed, succeeded=False, recovered=False, ran=False, is_final=True, timed_out=False, environment={})


class _World:
    """What the commands of one attempt have in common."""

    def __init__(
        self,
        session: JobSession,
        ready: Ready,
        journal: Journal,
        scratch: Scratch,
        *,
        environment: Mapping[str, str],
        spans: Spans,
    ) -> None:
        self._session = session
        self._spans = spans
        self._ready = ready
        self._journal = journal
        self._scratch = scratch
        self._environment = environment

    async def run(self, attempt: AttemptSession, number: int, halt: Stop) -> Tried:
        """Run ``cmd``, after a failure ``err_cmd``, and close the attempt accordingly."""
        pipeline = self._ready.pipeline
        transform = pipeline.transform
        words = LastWords()
        name = sentences.command_name(transform.cmd)
        await self._journal.say(
            "transform.started", f"{name} try {number} of {pipeline.datum_tries}", fields={"try": number}
        )
        end = await self._command(transform.cmd, transform.stdin, words, halt)
        succeeded = not end.stopped and self._is_accepted(end.exit)
        recovered, reason = False, ""
        is_final = bool(end.problem)  # what could not be started will not start the next time
        if succeeded and not pipeline.s3_out:
            reason, is_final = await self._collect(attempt)
            succeeded = not reason
        elif not succeeded:
            reason = sentences.failure(
                transform.cmd,
                str(end),
                number=number,
                tries=pipeline.datum_tries,
                words=end.problem or ("" if halt.asked.is_set() else str(words)),
            )
            if transform.err_cmd and not halt.asked.is_set():
                recovery = await self._command(transform.err_cmd, transform.err_stdin, LastWords(), halt)
                recovered = not recovery.stopped and self._is_accepted(recovery.exit)
        # At once: what a client sends from now on is refused, and no log line comes in between.
        closed = await attempt.close(keep=succeeded, exit=end.exit, reason=reason)
        await self._journal.say(
            "transform.finished",
            reason or f"{name} exited {end.exit.status if end.exit else ''}",
            level="info" if succeeded else "warning",
        )
        if succeeded and attempt.dropped_uploads:
            await self._journal.say("uploads.dropped", sentences.dropped(attempt.dropped_uploads), level="warning")
        return Tried(
            closed,
            succeeded=succeeded,
            recovered=recovered,
            ran=not end.problem,
            is_final=is_final,
            timed_out=bool(end.stopped) and not halt.asked.is_set(),
            environment=self._environment,
        )

    async def _collect(self, attempt: AttemptSession) -> tuple[str, bool]:
        """Take what lies in /pfs/out; return why it cannot be kept, and whether it never will."""
        view = ChildView(self._scratch.mounts, uid=None if self._ready.user is None else self._ready.user.uid)
        try:
            await collect(attempt.out, view, f"{self._scratch.places.pfs}/{OUTPUT_BUCKET}")
        except WrittenTwice as exc:
            other = self._session.datums.find_writer(exc.key)
            return sentences.written_twice(exc.key, other or "", attempt.datum), True
        except OutputUnfit as exc:
            return f"{exc.message}; {exc.hint}" if exc.hint else exc.message, False
        return "", False

    async def _command(self, argv: Sequence[str], stdin: Sequence[str] | None, words: LastWords, halt: Stop) -> _End:
        with self._spans.open(COMMAND, command=sentences.command_name(argv)) as span:
            end = await self._run_command(argv, stdin, words, halt)
            span.failure = "" if not end.stopped and self._is_accepted(end.exit) else str(end)
        return end

    async def _run_command(
        self, argv: Sequence[str], stdin: Sequence[str] | None, words: LastWords, halt: Stop
    ) -> _End:
        """Run one command within ``datum_timeout``."""
        timeout = self._ready.pipeline.datum_timeout_seconds
        stop = Stop()

        async def hear(stream: str, lines: Sequence[str]) -> None:
            words.hear(stream, lines)
            await self._journal.lines(stream, lines)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_on, halt, stop)
            if timeout is not None:
                nursery.start_soon(_ask_after, timeout, stop)
            try:
                ended = await run_process(
                    self._process(argv, stdin),
                    hear,
                    redactor=self._journal.log.redactor,
                    grace_seconds=self._ready.host.settings.grace_seconds,
                    stop=stop,
                    cgroups=self._ready.host.cgroups,
                )
            except CouldNotStart as exc:
                end = _End(None, problem=f"{exc.message}; {exc.hint}" if exc.hint else exc.message)
            except LauncherDied as exc:
                end = _End(None, stopped=f"lost: {exc.message}")
            else:
                shortage = sentences.out_of_memory(self._ready.limits.memory) if ended.oom_kills else ""
                end = _End(ended.exit, stopped=stop.reason, shortage=shortage)
                if ended.leftovers:
                    names = ", ".join(ended.leftovers)
                    await self._journal.say("leftovers.killed", f"it left behind: {names}", level="warning")
            nursery.cancel_scope.cancel()
        return end

    def _process(self, argv: Sequence[str], stdin: Sequence[str] | None) -> Command:
        ready = self._ready
        working_dir = ready.pipeline.transform.working_dir
        return Command(
            tuple(argv),
            self._environment,
            stdin="".join(f"{line}\n" for line in stdin).encode() if stdin else None,
            working_dir=f"/{working_dir.lstrip('/')}" if working_dir else "",
            user=ready.user,
            isolation=ready.host.isolation,
            mounts=self._scratch.mounts,
            limits=ready.limits.each,
            shared=ready.limits.shared,
        )

    def _is_accepted(self, exit_: ProcessExit | None) -> bool:
        """Judge as Pachyderm does, where death of a signal is the status -1."""
        if exit_ is None:
            return False
        status = -1 if exit_.status is None else exit_.status
        return status == 0 or status in self._ready.pipeline.transform.accept_return_code


async def _ask_after(seconds: float, stop: Stop) -> None:
    await trio.sleep(seconds)
    stop.ask(f"ended by the datum_timeout of {seconds:g}s")
