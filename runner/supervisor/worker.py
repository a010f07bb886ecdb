"""``runner worker``: runs the jobs of its pipelines as the branches that they read move, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import trio

from runner.gateway.options import GatewayOptions
from runner.host.beside import beside
from runner.host.log import Log, Record
from runner.host.redact import Redactor
from runner.host.settings import Settings
from runner.host.signals import Stop, watch_signals
from runner.job.prepare import JobHost, prepare
from runner.job.run import run_job
from runner.model.errors import RunnerError
from runner.model.job import JobState
from runner.model.pipeline import Pipeline
from runner.store import Store, events, pipelines, queue, registry, settle
from runner.store.begin import take_job
from runner.store.joblog import JobLog
from runner.store.sessions import JobSession
from runner.supervisor.admin import open_admin
from runner.supervisor.gateways import gateway_of_attempt, options_of
from runner.supervisor.run import cancel_when_asked, host_of
from runner.supervisor.scratch import open_scratch
from runner.supervisor.storage import open_configured
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
        pipelines: The effective ones; each is registered, and watches its inputs from then on.
        secrets: Files by name and key.
    """

    pipelines: Sequence[Pipeline]
    secrets: Mapping[tuple[str, str], Path]


async def work(
    settings: Settings, request: WorkerRequest, sink: Callable[[Record], None], ready: Callable[[str | None], None]
) -> None:
    """Run jobs until SIGTERM or SIGINT; then the one under way has its grace and is given back.

    Args:
        settings: Of this process.
        request: What it works for.
        sink: Takes each record of the log; must not block for long.
        ready: Told the URL of the admin port, if there is one, once the pipelines watch their inputs.

    Raises:
        Invalid: A pipeline cannot be run here; none watches anything.
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
        events.listen(store.folder) as news,
    ):
        options = options_of(settings.gateway, telemetry.answered)
        host = await host_of(settings, scratch, request.secrets, telemetry.spans)
        for pipeline in request.pipelines:
            prepare(pipeline, host)
        for pipeline in request.pipelines:
            await registry.watch(store, pipeline)
        numbers = [pipelines.require(store.catalog.sql, each.project, each.name) for each in request.pipelines]
        _log.info("worker.started", message=f"watching for {', '.join(each.name for each in request.pipelines)}")
        admin.readiness.is_started = True
        ready(admin.url)
        while not stop.asked.is_set():
            with trio.CancelScope() as scope:
                async with beside(partial(cancel_when_asked, stop, scope)):
                    await _next_job(store, numbers, news, settings.worker.reconcile_seconds)
            taken = None if stop.asked.is_set() else await _take(store, numbers)
            if taken is not None:
                await _run(store, *taken, host=host, options=options, log=log, stop=stop)
            else:  # another worker is just taking it, and its lock tells no other way
                with trio.move_on_after(LOCK_SECONDS):
                    await news.wait()
        _log.info("worker.stopped", message=stop.reason)


async def _next_job(store: Store, numbers: Collection[int], news: events.News, reconcile_seconds: float) -> None:
    """Return once a job could start; the slow look behind the hints also settles what dead processes left."""
    while not queue.ready(store.catalog.db, numbers):
        with trio.move_on_after(reconcile_seconds) as late:
            await news.wait()
        if late.cancelled_caught:
            await settle.settle(store)


async def _take(store: Store, numbers: Collection[int]) -> tuple[JobSession, Pipeline] | None:
    try:
        return await take_job(store, numbers)
    except RunnerError as exc:
        _log.warning("job.not_taken", message=exc.message)
        await trio.sleep(RETRY_SECONDS)
        return None


async def _run(
    store: Store,
    session: JobSession,
    pipeline: Pipeline,
    *,
    host: JobHost,
    options: GatewayOptions,
    log: Log,
    stop: Stop,
) -> None:
    """Run one job to its end; whatever is wrong with it, the worker goes on."""
    serve = partial(gateway_of_attempt, options=options)
    async with session:
        try:
            ready = prepare(pipeline, host)
            await run_job(session, ready, serve, log, JobLog(store, session.key), stop=stop)
        except RunnerError as exc:
            _log.error("job.broken", job_id=session.key.id, message=f"{session.key}: {exc.message}")
            if session.job.state is JobState.STARTING:  # it cannot be run here, and never will be
                await session.abandon(JobState.FAILURE, exc.message, status=2)
