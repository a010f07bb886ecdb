"""A gateway on a socket: bind, accept, and an orderly end."""

from __future__ import annotations

import socket
import sys
from functools import partial
from ipaddress import ip_address

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from runner.gateway.asgi import Gateway
from runner.gateway.connection import Connection
from runner.gateway.messages import App
from runner.gateway.options import CannotListen, GatewayOptions, split_bind
from runner.gateway.principal import Views
from runner.host.allocator import keep_large_blocks

HEAD_MAX_BYTES = 32 * 1024
BACKLOG = 1024

_log = structlog.get_logger()


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
    listener = _listen(options.bind)
    endpoint = options.advertise or _url(listener, is_secure=options.tls is not None)
    if not _is_loopback(listener):
        _warn_if_exposed(options, endpoint)
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


def _listen(bind: str) -> trio.SocketListener:
    host, port = split_bind(bind)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        hint = "port 0 takes a free one; the host must be an address of this machine"
        raise CannotListen(f"cannot listen on {bind}: {exc.strerror}", hint=hint) from exc
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what is accepted
    return trio.SocketListener(trio.socket.from_stdlib_socket(bound))


def _warn_if_exposed(options: GatewayOptions, endpoint: str) -> None:
    """Say what other hosts can do: more than they should, or see what is none of their business."""
    if options.credentials is None:
        _log.warning(
            "server.exposed", endpoint=endpoint, hint="Every host that reaches it may read and write: use auth."
        )
    elif options.tls is None:
        _log.warning("server.exposed", endpoint=endpoint, hint="Whoever is on the way reads all that passes: use TLS.")


def _url(listener: trio.SocketListener, *, is_secure: bool) -> str:
    host, port = listener.socket.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    scheme = "https" if is_secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _is_loopback(listener: trio.SocketListener) -> bool:
    return ip_address(listener.socket.getsockname()[0]).is_loopback
