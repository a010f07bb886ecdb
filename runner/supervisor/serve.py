"""``runner serve``: the whole store over S3, until somebody asks for the end."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from runner.host.beside import beside
from runner.host.log import Log, Record
from runner.host.redact import Redactor
from runner.host.settings import ServeSettings, Settings
from runner.host.signals import Stop, watch_signals
from runner.model.errors import Invalid
from runner.store.bursts import BurstSettings, open_bursts
from runner.store.storeview import StoreView
from runner.supervisor.gateways import gateway, options_of
from runner.supervisor.storage import open_configured

_TOKEN = re.compile(r"[A-Za-z0-9_-]{12,128}")

_log = structlog.get_logger()


class TokenMissing(Invalid):
    """Auth is on, and there is no token, or none that could be one."""


class CertificateInvalid(Invalid):
    """The certificate or its key cannot be used."""


async def serve(settings: Settings, sink: Callable[[Record], None], ready: Callable[[str], None]) -> None:
    """Serve the store until SIGTERM or SIGINT; then what is staged becomes commits.

    Args:
        settings: Of this process.
        sink: Takes each record of the log; must not block for long.
        ready: Told the endpoint's URL once requests are taken.

    Raises:
        TokenMissing, CertificateInvalid, CannotListen: (Invalid)
        RunnerError: The store cannot be opened.
    """
    token = _read_token(settings.auth.token_file) if settings.auth.enabled else None
    Log(sink, level=settings.log_level, redactor=Redactor([token] if token else [])).install()
    options = replace(
        options_of(settings.gateway, lambda _access: None), bind=settings.serve.listen, tls=_tls(settings.serve)
    )
    stop = Stop()
    async with (
        open_configured(settings) as store,
        beside(partial(watch_signals, stop)),
        open_bursts(store, _bursts(settings.serve)) as bursts,
        gateway(StoreView(store, bursts, project=settings.project), token, options=options) as endpoint,
    ):
        _log.info("server.started", endpoint=endpoint, message=f"the store {store.folder} is at {endpoint}")
        ready(endpoint)
        await stop.asked.wait()
        _log.info("server.stopping", message=stop.reason)


def _bursts(settings: ServeSettings) -> BurstSettings:
    return BurstSettings(settings.commit_idle_seconds, settings.commit_max_seconds, settings.commit_max_keys)


def _read_token(file: Path | None) -> str:
    if file is None:
        raise TokenMissing("auth is on, but no file with a token is named", hint="name one with --token-file")
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise TokenMissing(f"the token in {file} cannot be read: {exc}") from exc
    if _TOKEN.fullmatch(token) is None:
        raise TokenMissing(f"the token in {file} is none", hint='write 12 to 128 letters, digits, "-" and "_"')
    return token


def _tls(settings: ServeSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise CertificateInvalid("TLS needs a certificate and its key", hint="give --tls-cert and --tls-key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as exc:
        raise CertificateInvalid(f"the certificate {settings.tls_cert} or its key cannot be used: {exc}") from exc
    return context
