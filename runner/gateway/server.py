"""A gateway on a socket: bind, accept, and an orderly end."""

from __future__ import annotations

import sys
from functools import partial

import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from runner.gateway.asgi import Gateway
from runner.gateway.connection import Connection
from runner.gateway.messages import App
from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Views
from runner.host.allocator import keep_large_blocks
from runner.host.listen import listen, url_of, warn_if_exposed

HEAD_MAX_BYTES = 32 * 1024


async def serve(
    views: Views, options: GatewayOptions, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve buckets over S3 until cancelled; started with the endpoint's URL, when it takes requests.

    Args:
        views: The buckets that each principal sees.
        options: See `GatewayOptions`.
        task_status: Gets the URL that clients use.

    Raises:
        CannotListen: (Invalid) The address cannot be bound.

    Cancellation: no connection is accepted any more, idle ones are closed; requests under way have
    ``options.drain_seconds`` to end, then they are cancelled.
    """
    keep_large_blocks()
    bound = listen(options.bind)
    is_secure = options.tls is not None
    endpoint = options.advertise or url_of(bound, is_secure=is_secure)
    warn_if_exposed(bound, endpoint, has_auth=options.credentials is not None, is_secure=is_secure)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(bound))
    await serve_app(Gateway(views, options), listener, options, endpoint, task_status=task_status)


async def serve_app(
    app: App,
    listener: trio.SocketListener,
    options: GatewayOptions,
    endpoint: str,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application as `serve` does."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_accept, app, listener, options, stop)
        task_status.started(endpoint)
        try:
            await trio.sleep_forever()
        finally:
            stop.set()


async def _accept(app: App, listener: trio.SocketListener, options: GatewayOptions, stop: trio.Event) -> None:
    """Accept until *stop*, then let the requests under way end; shielded, so that a cancelled server drains."""
    context = WorkerContext(None)
    config = _configure(options)

    async def handle(stream: trio.SocketStream) -> None:
        await Connection(app, config, context, stream, options.tls).run()

    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(partial(trio.serve_listeners, handle, [listener], handler_nursery=connections))
                await stop.wait()
                accepting.cancel_scope.cancel()
            await context.terminated.set()
            connections.cancel_scope.deadline = trio.current_time() + options.drain_seconds


def _configure(options: GatewayOptions) -> Config:
    config = Config()
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = HEAD_MAX_BYTES
    config.keep_alive_timeout = options.idle_seconds
    config.keep_alive_max_requests = sys.maxsize
    return config
