"""The admin port on a socket.

The connections are those of hypercorn 0.18, whose own server would end with the first error in one of them.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from quart_trio import QuartTrio

from runner.host.accept import accept
from runner.host.listen import url_of, warn_if_exposed

DRAIN_SECONDS = 2.0
"""For so long requests under way may go on after the end was asked for; all of them are short."""

STALLED_SECONDS = 10.0
"""After so long a client that takes nothing of its answer is given up."""

_log = structlog.get_logger()


async def serve(
    app: QuartTrio, listener: socket.socket, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve the admin port until cancelled; started with its URL, when it takes requests.

    Args:
        app: Of `runner.console.app.create_app`.
        listener: Of `runner.host.listen.listen`; closed at the end.
        task_status: Gets the URL.

    Cancellation: nothing is accepted any more; requests under way have `DRAIN_SECONDS` to end.
    """
    url = url_of(listener)
    warn_if_exposed(listener, url, has_auth=False, is_secure=False)
    wrapped, config, context = ASGIWrapper(_answering(app)), Config(), WorkerContext(None)
    config.errorlog = None
    config.include_server_header = False

    async def handle(stream: Any) -> None:
        try:
            await _Connection(wrapped, config, context, ConnectionState({}), stream)
        except Exception:  # noqa: BLE001  # a border: one connection never ends the others
            _log.debug("admin.connection_failed", exc_info=True)

    task_status.started(url)
    await accept(handle, listener, end=context.terminated.set, drain_seconds=DRAIN_SECONDS)


class _Connection(TCPServer):
    """One connection; hypercorn would wait for a client that takes nothing, shielded, for ever."""

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for."""
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        try:
            async with self.send_lock:
                with trio.fail_after(STALLED_SECONDS, shield=True):
                    await self.stream.send_all(event.data)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            await trio.aclose_forcefully(self.stream)
            await self.protocol.handle(Closed())


def _answering(app: Any) -> Any:
    """Let the last piece of an answer go out whole: with it comes the news that ends the task that sends it."""

    async def answer(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] == "websocket":  # no part speaks it; Quart would look for an error page without a request
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return

        async def send_whole(message: Any) -> None:
            with trio.CancelScope(shield=True):
                await send(message)

        await app(scope, receive, send_whole)

    return answer
