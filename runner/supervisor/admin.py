"""The admin port of a daemon: where it listens, and under which names it is asked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import structlog
import trio

from runner.console.app import Part, create_app
from runner.console.health import Readiness, health
from runner.console.metrics import Metrics, metrics_routes
from runner.console.server import serve
from runner.host.beside import beside
from runner.host.listen import AddressTaken, listen, split_bind
from runner.host.sections import Settings
from runner.host.settings import default_of
from runner.host.signals import Stop
from runner.store import Store
from runner.store.aside import probe

_FLAG = "--admin-listen"
_ANYWHERE = "127.0.0.1:0"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Admin:
    """What a daemon tells of itself; *url* None: the settings want no port for it."""

    url: str | None
    readiness: Readiness
    metrics: Metrics


@asynccontextmanager
async def open_admin(settings: Settings, store: Store, stop: Stop, *parts: Part) -> AsyncIterator[Admin]:
    """Serve health and metrics, and *parts* beside it, for as long as the block runs.

    It says that it is not ready until ``readiness.is_started`` is set, and again once *stop* was asked for.

    Raises:
        CannotListen: (Invalid)
        Whatever the block raises, as it is.
    """
    readiness, metrics = Readiness(partial(probe, store, trio.CapacityLimiter(1)), stop), Metrics(store)
    bind = settings.admin.listen
    if not bind:
        yield Admin(None, readiness, metrics)
        return
    names = None if settings.auth.enabled else _names(bind, settings.gateway.advertise)
    app = create_app(health(readiness), metrics_routes(metrics), *parts, names=names)
    async with beside(partial(serve, app, _listen(bind))) as url:
        _log.info("admin.started", endpoint=url, message=f"health and metrics are at {url}")
        yield Admin(url, readiness, metrics)


def _names(bind: str, advertised: str) -> set[str]:
    """Return the names that whoever set us up has given us."""
    return {split_bind(bind)[0].lower(), urlsplit(advertised).hostname or ""} - {""}


def _listen(bind: str) -> socket.socket:
    """Listen; a daemon that nobody told where does not fail because another one was first."""
    try:
        return listen(bind, flag=_FLAG)
    except AddressTaken:
        if bind != default_of("admin.listen"):
            raise
    listener = listen(_ANYWHERE, flag=_FLAG)
    port = listener.getsockname()[1]
    _log.warning("admin.moved", message=f"another process has {bind}; the admin port is {port}, {_FLAG} chooses it")
    return listener
