"""Gateways for the attempts of a job: each its own listener and, with auth on, its own token."""

from __future__ import annotations

import secrets
import string
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from runner.gateway.options import Access, GatewayOptions
from runner.gateway.server import serve
from runner.host.beside import beside
from runner.host.settings import GatewaySettings
from runner.store.view import View

TOKEN_PREFIX = "rnr_"  # noqa: S105  # no secret: tells people and scanners of leaks what the rest is
_TOKEN_ALPHABET = string.ascii_letters + string.digits
_TOKEN_CHARACTERS = 43  # 256 bits


def new_token() -> str:
    """Draw an access key, which is its own secret key."""
    return TOKEN_PREFIX + "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_CHARACTERS))


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
async def gateway(view: View, token: str | None, *, options: GatewayOptions) -> AsyncIterator[str]:
    """Serve *view* for as long as the block runs, and give the endpoint's URL.

    Args:
        view: Of one attempt.
        token: Access key and secret key at once; None: any credentials or none.
        options: All the rest.

    Raises:
        CannotListen: (Invalid)
        Whatever the block raises, as it is.
    """
    async with beside(partial(serve, view, replace(options, token=token))) as endpoint:
        yield endpoint
