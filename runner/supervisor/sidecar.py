"""``runner sidecar``: the gateway and the life of one job whose process runs in another container."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import trio

from runner.console.finish import finish
from runner.gateway.options import GatewayOptions
from runner.host.beside import beside
from runner.host.listen import listen
from runner.host.log import Log, Record
from runner.host.process import NO_ISOLATION
from runner.host.redact import Redactor
from runner.host.sections import Settings
from runner.host.signals import Stop, watch_signals
from runner.job.foreign import prepare_foreign, run_foreign
from runner.job.otherside import OtherSide
from runner.job.outcome import SIGTERM, STATUS_SIGNAL
from runner.job.prepare import JobHost, Ready
from runner.job.provenance import this_machine
from runner.job.share import Limits, Share, ShareRefused
from runner.model.errors import Invalid
from runner.model.ids import CommitId, is_commit_id, new_commit_id
from runner.model.job import Job, JobKey, JobState
from runner.model.pipeline import Pipeline
from runner.store import Store
from runner.store.accounts import new_token
from runner.store.jobs import jobs, pipelines
from runner.store.jobs.finishing import JobLost
from runner.store.jobs.joblog import JobLog
from runner.store.jobs.jobs import NoSuchJob
from runner.store.owners import OwnerLost
from runner.store.pipelines import control
from runner.store.sessions.begin import open_job
from runner.supervisor import inputs
from runner.supervisor.admin import Admin, open_admin
from runner.supervisor.gateways import gateway_of_attempt, options_of, tls_of
from runner.supervisor.heeding import heeding
from runner.supervisor.result import Result, broken, sentence_of
from runner.supervisor.run import cancel_when_asked
from runner.supervisor.storage import open_configured
from runner.supervisor.tracing import open_telemetry

_INHERITED = ("TRACEPARENT",)
_JOB = re.compile(r"(?:(?P<pipeline>[^@\s]+)@)?(?P<id>[0-9a-f]{32})")

LOOK_SECONDS = 1.0
"""Between two looks whether the job of a process that was killed can be settled."""

_log = structlog.get_logger()


class MalformedJob(Invalid):
    """What is to name a job does not, or names one of another pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarRequest:
    """What to open.

    Attributes:
        pipeline: The effective one.
        share: The folder that both sides share.
        sources: Of inputs, as in `runner.supervisor.run.RunRequest`.
        job: ``PIPELINE@ID`` or ``ID``, whole; empty: as the folder says, or a fresh one.
        hold: Stay after the result until SIGTERM or SIGINT.
    """

    pipeline: Pipeline
    share: Path
    sources: Mapping[str, str] = field(default_factory=dict)
    job: str = ""
    hold: bool = False


Told = Callable[[Mapping[str, str | None]], None]


async def sidecar(settings: Settings, request: SidecarRequest, sink: Callable[[Record], None], ready: Told) -> Result:
    """Open a job, hand it to the other side, and bring it to its end; or repeat the result of one that has ended.

    Args:
        settings: Of this process.
        request: What to open.
        sink: Takes each record of the log; must not block for long.
        ready: Told once where everything is, when the other side can go to work or has nothing to do any more.

    Raises:
        Invalid: Something is wrong with the spec, the inputs, the folder or this machine.
        JobLost, OwnerLost: (Conflict) another process has the job.
        RunnerError: The store or the folder failed. But for `ShareRefused` and these two the other side was told.
    """
    log = Log(sink, level=settings.log_level, redactor=Redactor())
    log.install()
    stop = Stop()
    token = new_token() if settings.auth.enabled else None
    prepared = prepare_foreign(request.pipeline, _host(settings, request.share, token))
    wanted = _parse(request.job, request.pipeline) if request.job else None
    options = _gateway_options(settings)
    share = await trio.to_thread.run_sync(Share, request.share)
    try:
        key = _key(request, wanted, share.claim)
        other = OtherSide(share, settings.sidecar.lost_seconds)
        async with beside(partial(watch_signals, stop)), beside(other.run):
            await other.do(partial(share.put_script, _limits(settings)))
            return await _Sidecar(settings, request, prepared, options, key, token, other, log, stop, ready).to_end()
    finally:
        share.close()


@dataclass(slots=True)
class _Sidecar:
    """One job, from the start of this process to its end; *result* is set once, and then *settled*."""

    settings: Settings
    request: SidecarRequest
    prepared: Ready
    options: GatewayOptions
    key: JobKey
    token: str | None
    other: OtherSide
    log: Log
    stop: Stop
    ready: Told
    settled: trio.Event = field(default_factory=trio.Event)
    result: Result | None = None

    async def to_end(self) -> Result:
        """Bring the job to its end, tell the other side, and stay for as long as is wished."""
        try:
            async with (
                open_configured(self.settings) as store,
                open_admin(self.settings, store, self.stop, finish(self.finish)) as admin,
            ):
                try:
                    result = await self._settle(store, admin)
                    await self._tell(result)
                except (JobLost, OwnerLost, ShareRefused):
                    raise
                except Exception as exc:
                    await self._tell(broken(self.key, exc))
                    await self._hold()
                    raise
                await self._hold()
                return result
        except (JobLost, OwnerLost, ShareRefused):
            raise  # another process has the job, and what the other side waits for comes from there
        except Exception as exc:
            await self._tell(broken(self.key, exc))
            raise

    async def finish(self, job: str, token: str, status: int) -> Mapping[str, Any] | None:
        """Take the command's status over the network; as `runner.console.finish.Finish`."""
        if job != str(self.key):
            raise NoSuchJob(f"the job {job} is not here", hint=f"this is {self.key}")
        if self.token is not None and not hmac.compare_digest(token.encode(), self.token.encode()):
            return None
        self.other.end(status)
        await self.settled.wait()
        return None if self.result is None else self.result.document

    async def _tell(self, result: Result) -> None:
        """Tell the other side how the job ended, if it was not told."""
        if self.result is None:
            self.result = result
            self.settled.set()
            with trio.CancelScope(shield=True):
                await self.other.do(partial(self.other.share.put_result, result.status, result.sentence))

    async def _hold(self) -> None:
        if self.request.hold and not self.stop.asked.is_set():
            _log.info("sidecar.holding", message=f"{self.key} is settled; staying until SIGTERM")
            await self.stop.asked.wait()

    async def _settle(self, store: Store, admin: Admin) -> Result:
        """Return how the job ended, however long that takes; what a dead process left of it is settled by now."""

        def opened(endpoint: str | None) -> None:
            admin.readiness.is_started = True
            self.ready({"endpoint": endpoint, "admin": admin.url, "job": str(self.key)})

        ended = await _find(store, self.key)
        if ended is not None:
            opened(None)
            return Result(self.key, ended.status or 0, sentence_of(ended), ended)
        await self.other.do(self.other.share.clear)
        result = await self._open(store, admin, opened)
        if not admin.readiness.is_started:  # there was nothing to do
            opened(None)
        return result

    async def _open(self, store: Store, admin: Admin, opened: Callable[[str], None]) -> Result:
        pipeline = self.prepared.pipeline
        with trio.CancelScope() as scope:
            async with beside(partial(cancel_when_asked, self.stop, scope)):
                pinned = await inputs.pin(store, pipeline, self.request.sources)
        if scope.cancelled_caught:
            sentence = f"{self.key} was {self.stop.reason}, before it was opened"
            return Result(self.key, STATUS_SIGNAL + (self.stop.signal or SIGTERM), sentence)
        version = await pipelines.register_run(store, pipeline)
        metrics = admin.metrics
        async with (
            open_telemetry(self.log, ended=[metrics.ended], answered=[metrics.answered]) as telemetry,
            await open_job(store, pipeline, version=version, inputs=pinned, job_id=self.key.id) as session,
            heeding(store, session, self.settings.worker.reconcile_seconds) as halt,
        ):
            outcome = await run_foreign(
                session,
                replace(self.prepared, host=replace(self.prepared.host, spans=telemetry.spans)),
                partial(gateway_of_attempt, options=replace(self.options, on_request=telemetry.answered)),
                self.other,
                log=self.log,
                kept=JobLog(store, session.key, session.owner),
                stop=self.stop,
                halt=halt,
                opened=opened,
            )
        job = outcome.job
        is_done = job.state is JobState.SUCCESS
        sentence = sentence_of(job, outcome.reason) if is_done else f"{self.key}: {outcome.reason}"
        return Result(self.key, outcome.status, sentence, job)


def _gateway_options(settings: Settings) -> GatewayOptions:
    """Return what the gateway is told; raises `CertificateInvalid` and what keeps it from listening."""
    options = options_of(settings.gateway, lambda _access: None)
    tls = tls_of(settings.sidecar.tls_cert, settings.sidecar.tls_key)
    listen(settings.sidecar.listen).close()  # before there is a job, which would end with this
    return replace(options, bind=settings.sidecar.listen, tls=tls)


def _key(request: SidecarRequest, wanted: CommitId | None, claim: Callable[[str], str]) -> JobKey:
    """Return the job that the command line names, or the folder, or a new one; the folder is its own from now on."""
    pipeline = request.pipeline
    key = JobKey(pipeline.project, pipeline.name, wanted or new_commit_id())
    claimed = claim(str(key))
    if claimed == str(key):
        return key
    there = _JOB.fullmatch(claimed)
    if wanted is not None or there is None or there["pipeline"] != pipeline.name:
        raise ShareRefused(
            f"the shared folder {request.share} is of the job {claimed!r}", hint="give each job a folder of its own"
        )
    return replace(key, id=CommitId(there["id"]))


def _parse(text: str, pipeline: Pipeline) -> CommitId:
    found = _JOB.fullmatch(text)
    if found is None or not is_commit_id(found["id"]):
        raise MalformedJob(
            f"{text!r} is no job", hint="write PIPELINE@ID or ID, with all 32 digits of a version 4 UUID"
        )
    if found["pipeline"] not in (None, pipeline.name):
        raise MalformedJob(f"the job {text} is not of pipeline {pipeline.name!r}")
    return CommitId(found["id"])


async def _find(store: Store, key: JobKey) -> Job | None:
    """Return a job that has ended, also if that is settled just now; raises `JobLost` when a living process has it.

    It may be that of the process that this one takes the place of, which was killed a moment ago.
    """
    deadline = trio.current_time() + store.owners.linger_seconds
    async with store.hints.listen() as news:
        while True:
            try:
                job = await jobs.inspect(store, key)
            except NoSuchJob:
                return None
            if job.state.is_terminal:
                return job
            if trio.current_time() >= deadline:
                raise JobLost(f"another process has the job {key}", hint=f"runner job inspect {key}")
            with trio.move_on_after(LOOK_SECONDS):
                await news.wait()
            await control.settle_if_dead(store, key)


def _host(settings: Settings, share: Path, token: str | None) -> JobHost:
    """Return what reaches the other side of this machine and its settings: hardly anything."""
    return JobHost(
        inherited={name: os.environ[name] for name in _INHERITED if name in os.environ},
        scratch=share,
        isolation=NO_ISOLATION,
        machine=this_machine(),
        settings=settings.job,
        region=settings.gateway.region,
        new_token=None if token is None else partial(str, token),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        env=settings.sidecar.env_seconds, lost=settings.sidecar.lost_seconds, grace=settings.job.grace_seconds
    )
