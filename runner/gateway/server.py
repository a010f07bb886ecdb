"""A gateway on a socket: bind, accept, and an orderly end."""

from __future__ import annotations

import sys

import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from runner.gateway.asgi import Gateway
from runner.gateway.connection import Connection
from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Views
from runner.host.accept import accept
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
    listener = listen(options.bind)
    is_secure = options.tls is not None
    endpoint = options.advertise or url_of(listener, is_secure=is_secure)
    warn_if_exposed(listener, endpoint, has_auth=options.credentials is not None, is_secure=is_secure)
    app, config, context = Gateway(views, options), _configure(options), WorkerContext(None)

    async def handle(stream: trio.SocketStream) -> None:
        await Connection(app, config, context, stream, options.tls).run()

    task_status.started(endpoint)
    await accept(handle, listener, end=context.terminated.set, drain_seconds=options.drain_seconds)


def _configure(options: GatewayOptions) -> Config:
    config = Config()
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = HEAD_MAX_BYTES
    config.keep_alive_timeout = options.idle_seconds
    config.keep_alive_max_requests = sys.maxsize
    return config
