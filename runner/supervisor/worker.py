"""``runner worker``: runs the jobs of its pipelines as the branches that they read move, one at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import trio

from runner.gateway.options import GatewayOptions
from runner.host.beside import beside
from runner.host.log import Log, Record
from runner.host.redact import Redactor
from runner.host.sections import Settings
from runner.host.signals import Stop, watch_signals
from runner.job.prepare import JobHost, prepare
from runner.job.run import run_job
from runner.model.errors import Conflict, RunnerError, Unavailable
from runner.model.job import JobState
from runner.model.pipeline import Pipeline
from runner.store import Store
from runner.store.hints import News
from runner.store.jobs import pipelines, queue
from runner.store.jobs.joblog import JobLog
from runner.store.pipelines import registry
from runner.store.sessions.begin import take_job
from runner.store.sessions.sessions import JobSession
from runner.supervisor.admin import open_admin
from runner.supervisor.gateways import gateway_of_attempt, options_of
from runner.supervisor.heeding import heeding
from runner.supervisor.run import cancel_when_asked, host_of
from runner.supervisor.scratch import open_scratch
from runner.supervisor.settling import keep_settled
from runner.supervisor.storage import open_configured
from runner.supervisor.timekeeping import keep_time
from runner.supervisor.tracing import open_telemetry

RETRY_SECONDS = 5.0
"""After so long a store that was out of reach is tried again."""

LOCK_SECONDS = 0.2
"""For so long at most another worker holds the lock of a job that it does not get."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRequest:
    """What a worker works for.

    Attributes:
        specs: Files, each with one pipeline or more; these are registered, and watch their inputs from then on.
        read: Returns the effective pipelines of such a file; raises `RunnerError`.
        names: Of pipelines that are registered, in the project of the settings.
        secrets: Files by name and key.
    """

    specs: Sequence[Path]
    read: Callable[[Path], Sequence[Pipeline]]
    names: Sequence[str]
    secrets: Mapping[tuple[str, str], Path]


@dataclass(frozen=True, slots=True)
class Started:
    """What a worker says once its pipelines watch their inputs: their names, and the URL of the admin port, if any."""

    pipelines: Sequence[str]
    admin: str | None


async def work(
    settings: Settings, request: WorkerRequest, sink: Callable[[Record], None], ready: Callable[[Started], None]
) -> None:
    """Run jobs until SIGTERM or SIGINT; then the one under way has its grace and is given back.

    SIGHUP reads the specs again; of one that is wrong by then the old form stays.

    Args:
        settings: Of this process.
        request: What it works for.
        sink: Takes each record of the log; must not block for long.
        ready: Called once the pipelines watch their inputs.

    Raises:
        Invalid: A pipeline cannot be run here; none watches anything.
        NoSuchPipeline, NotRegistered: There is no pipeline of that name for workers.
        RunnerError: The store cannot be opened.
    """
    log = Log(sink, level=settings.log_level, redactor=Redactor())
    log.install()
    stop = Stop()
    async with (
        open_configured(settings) as store,
        open_scratch(store.folder / "scratch") as scratch,
        beside(partial(watch_signals, stop)),
        open_admin(settings, store, stop) as admin,
        open_telemetry(log, ended=[admin.metrics.ended], answered=[admin.metrics.answered]) as telemetry,
    ):
        options = options_of(settings.gateway, telemetry.answered)
        host = await host_of(store, settings, scratch, request.secrets, telemetry.spans)
        worker = _Worker(settings, request, store, host=host, options=options, log=log, stop=stop)
        await worker.register()
        _log.info("worker.started", message=f"watching for {', '.join(worker.names)}")
        async with (
            beside(worker.reload_when_told),
            beside(partial(keep_time, store, worker.numbers, settings.worker.reconcile_seconds)),
            beside(partial(keep_settled, store, settings.worker.reconcile_seconds)),
        ):
            admin.readiness.is_started = True
            ready(Started(worker.names, admin.url))
            await worker.run()
        _log.info("worker.stopped", message=stop.reason)


class _Worker:
    """A worker on an open store; *stop* ends it."""

    def __init__(
        self,
        settings: Settings,
        request: WorkerRequest,
        store: Store,
        *,
        host: JobHost,
        options: GatewayOptions,
        log: Log,
        stop: Stop,
    ) -> None:
        self._settings = settings
        self._request = request
        self._store = store
        self._host = host
        self._options = options
        self._log = log
        self._stop = stop
        self._of_specs: dict[Path, list[tuple[str, str]]] = {}

    @property
    def names(self) -> Sequence[str]:
        """The names of all pipelines that it works for."""
        return [name for _, name in self._keys()]

    async def register(self) -> None:
        """Register what the specs say, all or nothing; raises as `work`."""
        read = {spec: list(self._request.read(spec)) for spec in self._request.specs}
        for pipeline in (each for found in read.values() for each in found):
            prepare(pipeline, self._host)
        for name in self._request.names:
            await registry.require(self._store, self._settings.project, name)
        for spec, found in read.items():
            await self._watch(spec, found)

    async def reload_when_told(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read the specs again at each SIGHUP, until cancelled."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                for spec in self._request.specs:
                    await self._reload(spec)

    async def run(self) -> None:
        """Run one job after the other until somebody asks for the end."""
        async with self._store.hints.listen() as news:
            while not self._stop.asked.is_set():
                try:
                    await self._run_next(news)
                except Unavailable as exc:
                    _log.warning("store.unavailable", message=exc.message)
                    with trio.move_on_after(RETRY_SECONDS):
                        await self._stop.asked.wait()

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Yield project and name of all pipelines."""
        for found in self._of_specs.values():
            yield from found
        for name in self._request.names:
            yield self._settings.project, name

    def numbers(self) -> list[int]:
        """Return the numbers of those that are there: one may be deleted, and made again."""
        found = (pipelines.find(self._store.catalog.db, *key) for key in self._keys())
        return [number for number in found if number is not None]

    async def _watch(self, spec: Path, found: Sequence[Pipeline]) -> None:
        for pipeline in found:
            await registry.watch(self._store, pipeline)
        self._of_specs[spec] = [(pipeline.project, pipeline.name) for pipeline in found]

    async def _reload(self, spec: Path) -> None:
        try:
            found = self._request.read(spec)
            for pipeline in found:
                prepare(pipeline, self._host)
            await self._watch(spec, found)
        except RunnerError as exc:
            _log.error("spec.refused", message=f"{exc.message}; the old form of {spec} stays")
        else:
            _log.info("spec.read", message=f"{spec}: {', '.join(pipeline.name for pipeline in found)}")

    async def _run_next(self, news: News) -> None:
        """Wait for a job and run it; raises `Unavailable` when it has to wait for the store."""
        with trio.CancelScope() as scope:
            async with beside(partial(cancel_when_asked, self._stop, scope)):
                await self._next_job(news)
        taken = None if self._stop.asked.is_set() else await self._take()
        if taken is not None:
            await self._run(*taken)
        else:  # another worker is just taking it, and its lock tells no other way
            with trio.move_on_after(LOCK_SECONDS):
                await news.wait()

    async def _next_job(self, news: News) -> None:
        """Return once a job could start; hints may be lost, so look now and then without one."""
        while not queue.ready(self._store.catalog.db, self.numbers()):
            with trio.move_on_after(self._settings.worker.reconcile_seconds):
                await news.wait()

    async def _take(self) -> tuple[JobSession, Pipeline] | None:
        try:
            return await take_job(self._store, self.numbers(), coalesce=self._settings.worker.coalesce)
        except Unavailable:
            raise
        except RunnerError as exc:
            _log.warning("job.not_taken", message=exc.message)
            await trio.sleep(RETRY_SECONDS)
            return None

    async def _run(self, session: JobSession, pipeline: Pipeline) -> None:
        """Run one job to its end; whatever is wrong with it, the worker goes on. Raises `Unavailable` of the store."""
        serve = partial(gateway_of_attempt, options=self._options)
        kept = JobLog(self._store, session.key, session.owner)
        async with session, heeding(self._store, session, self._settings.worker.reconcile_seconds) as halt:
            try:
                ready = prepare(pipeline, self._host)
                await run_job(session, ready, serve, self._log, kept, stop=self._stop, halt=halt)
            except RunnerError as exc:
                _log.error("job.broken", job_id=session.key.id, message=f"{session.key}: {exc.message}")
                if not isinstance(exc, (Conflict, Unavailable)) and session.job.state is JobState.STARTING:
                    # It cannot be run here, and never will be.
                    await session.abandon(JobState.FAILURE, exc.message, status=2)
                if isinstance(exc, Unavailable):
                    raise
