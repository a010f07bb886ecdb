"""``runner serve``: the whole store over S3, until somebody asks for the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from runner.gateway.principal import Grant, Principal, Views
from runner.host.beside import beside
from runner.host.log import Log, Record
from runner.host.redact import Redactor
from runner.host.sections import ServeSettings, Settings
from runner.host.signals import Stop, watch_signals
from runner.store import Store, accounts
from runner.store.buckets.storeview import StoreView
from runner.store.rights import NOBODY, Rights
from runner.store.writing.bursts import Bursts, BurstSettings, open_bursts
from runner.supervisor.admin import open_admin
from runner.supervisor.gateways import gateway, options_of, tls_of
from runner.supervisor.storage import open_configured
from runner.supervisor.tracing import open_telemetry

_log = structlog.get_logger()


async def serve(settings: Settings, sink: Callable[[Record], None], ready: Callable[[str, str | None], None]) -> None:
    """Serve the store until SIGTERM or SIGINT; then what is staged becomes commits.

    Args:
        settings: Of this process.
        sink: Takes each record of the log; must not block for long.
        ready: Told the URLs of the endpoint and of the admin port, if there is one, once requests are taken.

    Raises:
        CertificateInvalid, CannotListen: (Invalid)
        RunnerError: The store cannot be opened.
    """
    log = Log(sink, level=settings.log_level, redactor=Redactor())
    log.install()
    tls = tls_of(settings.serve.tls_cert, settings.serve.tls_key)
    stop = Stop()
    async with (
        open_configured(settings) as store,
        beside(partial(watch_signals, stop)),
        open_admin(settings, store, stop) as admin,
        open_telemetry(log, answered=[admin.metrics.answered]) as telemetry,
        open_bursts(store, _bursts(settings.serve)) as bursts,
        gateway(
            _views(store, bursts, settings),
            replace(
                options_of(settings.gateway, telemetry.answered),
                bind=settings.serve.listen,
                tls=tls,
                credentials=_Accounts(store) if settings.auth.enabled else None,
            ),
        ) as endpoint,
    ):
        if settings.auth.enabled and not await accounts.list_accounts(store):
            message = "there is no account that could be let in yet: runner account create NAME makes one"
            _log.warning("account.missing", message=message)
        _log.info("server.started", endpoint=endpoint, message=f"the store {store.place} is at {endpoint}")
        admin.readiness.is_started = True
        ready(endpoint, admin.url)
        await stop.asked.wait()
        _log.info("server.stopping", message=stop.reason)


def _bursts(settings: ServeSettings) -> BurstSettings:
    return BurstSettings(settings.commit_idle_seconds, settings.commit_max_seconds, settings.commit_max_keys)


class _Accounts:
    """The accounts of a store as the credentials of its gateway; made and revoked while it runs."""

    def __init__(self, store: Store) -> None:
        self._db = store.catalog.db

    def find(self, access_key: str) -> Grant | None:
        """As `runner.gateway.principal.Credentials.find`: an access key is a token, and its own secret."""
        rights = accounts.find_rights(self._db, access_key)
        return None if rights is None else Grant(Principal(rights.name, rights=rights), access_key)


def _views(store: Store, bursts: Bursts, settings: Settings) -> Views:
    """Show each account what it may see, and everybody everything while nobody is asked who he is."""

    def choose(principal: Principal) -> StoreView:
        rights = principal.rights if isinstance(principal.rights, Rights) else NOBODY
        return StoreView(store, bursts, project=settings.project, rights=rights if settings.auth.enabled else None)

    return choose
