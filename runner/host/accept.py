"""Connections of a listener, each in a task, and an orderly end of them all."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial

import trio

Handle = Callable[[trio.SocketStream], Awaitable[object]]


async def accept(
    handle: Handle,
    listener: socket.socket,
    *,
    end: Callable[[], Awaitable[object]],
    drain_seconds: float,
) -> None:
    """Hand every connection to *handle*, until cancelled.

    Args:
        handle: Serves one connection to its end; lets no exception out.
        listener: Closed at the end.
        end: Called once nothing is accepted any more; tells the connections that each request is their last.
        drain_seconds: For so long they may go on then.

    Cancellation: heard by the listener at once, by the connections after *drain_seconds*.
    """
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(_accept, handle, listener, stop, end=end, drain_seconds=drain_seconds))
        try:
            await trio.sleep_forever()
        finally:
            stop.set()


async def _accept(
    handle: Handle,
    listener: socket.socket,
    stop: trio.Event,
    *,
    end: Callable[[], Awaitable[object]],
    drain_seconds: float,
) -> None:
    """Accept until *stop*, then let the connections end; shielded, so that a cancelled server drains."""
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(partial(trio.serve_listeners, handle, listeners, handler_nursery=connections))
                await stop.wait()
                accepting.cancel_scope.cancel()
            await end()
            connections.cancel_scope.deadline = trio.current_time() + drain_seconds
