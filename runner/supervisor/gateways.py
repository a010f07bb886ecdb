"""Gateways for the attempts of a job: each its own listener and, with auth on, its own token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial

from runner.gateway.options import Access, GatewayOptions
from runner.gateway.principal import Token, Views, only
from runner.gateway.server import serve
from runner.host.beside import beside
from runner.host.settings import GatewaySettings
from runner.store.view import View


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
