"""Gateways for the attempts of a job: each its own listener and, with auth on, its own token."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from runner.gateway.options import Access, GatewayOptions
from runner.gateway.principal import Token, Views, only
from runner.gateway.server import serve
from runner.host.beside import beside
from runner.host.sections import GatewaySettings
from runner.model.errors import Invalid
from runner.store.view import View


class CertificateInvalid(Invalid):
    """The certificate or its key cannot be used."""


def options_of(settings: GatewaySettings, on_request: Callable[[Access], None]) -> GatewayOptions:
    """Return what every gateway of a job is told, all but the token; raises `CannotListen`, `InvalidAdvertise`."""
    return GatewayOptions(
        bind=settings.listen,
        advertise=settings.advertise or None,
        region=settings.region,
        idle_seconds=settings.idle_seconds,
        drain_seconds=settings.drain_seconds,
        on_request=on_request,
    )


@asynccontextmanager
async def gateway(views: Views, options: GatewayOptions) -> AsyncIterator[str]:
    """Serve buckets for as long as the block runs, and give the endpoint's URL.

    Raises:
        CannotListen: (Invalid)
        Whatever the block raises, as it is.
    """
    async with beside(partial(serve, views, options)) as endpoint:
        yield endpoint


def gateway_of_attempt(view: View, token: str | None, *, options: GatewayOptions) -> AbstractAsyncContextManager[str]:
    """Serve the view of one attempt, as `gateway` does.

    Args:
        view: Its buckets.
        token: Access key and secret key at once; None: any credentials or none.
        options: All the rest.
    """
    credentials = None if token is None else Token(token, options.owner)
    return gateway(only(view), replace(options, credentials=credentials))


def tls_of(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return what a listener speaks TLS with; None: it speaks none. Raises `CertificateInvalid`.

    Args:
        certificate: Chain, a PEM file.
        key: Its private key, a PEM file.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise CertificateInvalid("TLS needs a certificate and its key", hint="give --tls-cert and --tls-key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise CertificateInvalid(f"the certificate {certificate} or its key cannot be used: {exc}") from exc
    return context
