"""``runner run``: one job in the foreground, from the inputs on this machine to its commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
import trio

from runner.gateway.options import Access
from runner.host.beside import beside
from runner.host.environment import inherited_environment
from runner.host.log import Log, Record
from runner.host.process import NO_ISOLATION, find_isolation
from runner.host.redact import Redactor
from runner.host.sections import Settings
from runner.host.signals import Stop, watch_signals
from runner.host.spans import Spans
from runner.job.outcome import JobOutcome
from runner.job.prepare import JobHost, prepare
from runner.job.provenance import this_machine
from runner.job.run import run_job
from runner.job.sentences import objects
from runner.model.commit import Commit
from runner.model.errors import RunnerError, Unavailable
from runner.model.job import Job
from runner.model.pipeline import Pipeline
from runner.store import Store, files
from runner.store.accounts import new_token
from runner.store.jobs import pipelines
from runner.store.jobs.joblog import JobLog
from runner.store.jobs.reads import Traffic
from runner.store.sessions.begin import open_job
from runner.supervisor import inputs
from runner.supervisor.gateways import gateway_of_attempt, options_of
from runner.supervisor.heeding import heeding
from runner.supervisor.scratch import open_scratch
from runner.supervisor.storage import open_configured
from runner.supervisor.tracing import open_telemetry

_log = structlog.get_logger()


class ExportFailed(Unavailable):
    """The job succeeded and its commit stands, but it could not be written out."""


class Stopped(Exception):  # no error: somebody asked for it
    """A signal came while inputs were imported, before there was a job; *signal* is its number."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.reason)
        self.signal = stop.signal or 0


class Observer(Protocol):
    """Who watches a job run."""

    def opened(
        self, store: Store, job: Job, counters: Callable[[], Mapping[str, Traffic]], *, tries: int
    ) -> Awaitable[None]:
        """Take the job that is about to run, with its live counters by bucket."""

    def log(self, record: Record) -> None:
        """Take one record of the log; must not block for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run.

    Attributes:
        pipeline: The effective one.
        sources: By input name, a folder, a file, or an address; see `runner.supervisor.inputs.pin`.
        secrets: Files by name and key.
        output: Folder that the result is written to; None: it stays in the store.
        skip: Whether datums that are as they were need not be run again.
        propagates: Whether folders that are imported make jobs of the pipelines that read the same branches.
        trust_mtime: Whether a file of such a folder that has the size and time of what is there is taken for the same.
    """

    pipeline: Pipeline
    sources: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    output: Path | None = None
    skip: bool = True
    propagates: bool = True
    trust_mtime: bool = False


@dataclass(slots=True)
class Requests:
    """What the user's code asked of the gateway.

    Attributes:
        count: All of them.
        failed: Those answered with 400 and above, but for absent keys.
    """

    count: int = 0
    failed: int = 0

    def take(self, access: Access) -> None:
        """Count one request."""
        self.count += 1
        if access.status >= 400 and access.code != "NoSuchKey" and access.status != 404:  # noqa: PLR2004  # HTTP's
            self.failed += 1


@dataclass(frozen=True, slots=True)
class RunResult:
    """How it went.

    Attributes:
        store: Still open: what else is there to tell of the job can be asked.
        requests: Counted by the gateway.
        exported: Where to, if it was asked for and done.
    """

    store: Store
    outcome: JobOutcome
    requests: Requests
    exported: Path | None = None


@asynccontextmanager
async def run(settings: Settings, request: RunRequest, observer: Observer) -> AsyncIterator[RunResult]:
    """Run one job to its end; the store stays open for the block, so that the result can be told.

    Args:
        settings: Of this process.
        request: What to run.
        observer: Who watches.

    Raises:
        Invalid: Something is wrong with the spec, the inputs or this machine; nothing ran.
        Stopped: By a signal, before there was a job; folders that were imported by then stay in the store.
        ExportFailed: (Unavailable) the commit stands.
        RunnerError: The store failed; nothing was published.
    """
    log = Log(observer.log, level=settings.log_level, redactor=Redactor())
    log.install()
    stop, requests = Stop(), Requests()
    async with (
        open_configured(settings) as store,
        open_scratch(store.folder / "scratch") as scratch,
        beside(partial(watch_signals, stop)),
        open_telemetry(log, answered=[requests.take]) as telemetry,
    ):
        serve = partial(gateway_of_attempt, options=options_of(settings.gateway, telemetry.answered))
        ready = prepare(request.pipeline, await host_of(store, settings, scratch, request.secrets, telemetry.spans))
        with trio.CancelScope() as scope:
            async with beside(partial(cancel_when_asked, stop, scope)):
                pinned = await inputs.pin(
                    store,
                    request.pipeline,
                    request.sources,
                    imported=_say_imported,
                    propagates=request.propagates,
                    trust_mtime=request.trust_mtime,
                )
        if scope.cancelled_caught:
            raise Stopped(stop)
        version = await pipelines.register_run(store, request.pipeline)
        async with (
            await open_job(store, request.pipeline, version=version, inputs=pinned) as session,
            heeding(store, session, settings.worker.reconcile_seconds) as halt,
        ):
            await observer.opened(store, session.job, session.traffic, tries=request.pipeline.datum_tries)
            kept = JobLog(store, session.key, session.owner)
            outcome = await run_job(session, ready, serve, log, kept, stop=stop, halt=halt, skip=request.skip)
        exported = None
        if outcome.commit is not None and request.output is not None:
            await _export(store, outcome.commit, request.output, stop)
            exported = request.output
        if outcome.commit is not None and outcome.status:
            raise ExportFailed(outcome.reason, hint=f"it is {outcome.commit.repo}@{outcome.commit.id}")
        yield RunResult(store, outcome, requests, exported)


async def host_of(
    store: Store, settings: Settings, scratch: Path, secrets: Mapping[tuple[str, str], Path], spans: Spans
) -> JobHost:
    """Return what this machine and its settings give to jobs of *store*; *secrets* are files by name and key."""
    return JobHost(
        inherited=inherited_environment(),
        scratch=scratch,
        isolation=NO_ISOLATION if settings.job.namespaces == "off" else await find_isolation(),
        machine=this_machine(),
        settings=settings.job,
        credentials=store.credentials,
        region=settings.gateway.region,
        new_token=new_token if settings.auth.enabled else None,
        secrets_folder=settings.secrets.folder,
        given_secrets=secrets,
        spans=spans,
    )


def _say_imported(name: str, commit: Commit, is_new: bool) -> None:  # noqa: FBT001  # a callback's fixed shape
    _log.info(
        "input.imported" if is_new else "input.unchanged",
        input=name,
        message=f"{name}: {commit.repo}@{commit.id}, {objects(commit.objects)}",
    )


async def _export(store: Store, commit: Commit, folder: Path, stop: Stop) -> None:
    """Write a commit out; whatever goes wrong with that, the commit stands."""
    hint = ""
    try:
        with trio.CancelScope() as scope:
            async with beside(partial(cancel_when_asked, stop, scope)):
                await files.export_folder(store, commit, folder)
        if not scope.cancelled_caught:
            return
        problem = stop.reason
    except RunnerError as exc:
        problem, hint = exc.message, f"{exc.hint}; then: " if exc.hint else ""
    place = f"{commit.repo}@{commit.id}"
    raise ExportFailed(
        f"{place} is committed, but not written to {folder}: {problem}",
        hint=f"{hint}runner file get -r {place} {folder}",
    )


async def cancel_when_asked(
    stop: Stop, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Cancel *scope* as soon as somebody asks for the end."""
    task_status.started()
    await stop.asked.wait()
    scope.cancel()
