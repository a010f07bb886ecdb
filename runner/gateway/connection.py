"""One HTTP/1.1 connection: hypercorn's, except where S3 needs it to behave otherwise.

The classes are those of hypercorn 0.18, which has no public face for any of this. What differs:

- ``100 Continue`` goes out when the body is first asked for, not before the request was looked at, and for an empty
  body too: the AWS CLI takes a reply without it for that of its next request, and waits a minute for more.
- Status lines have a reason: botocore, which waits for ``100 Continue``, understands none that lacks it.
- Plain HTTP/1.1 alone: no upgrade to HTTP/2 or WebSocket, which no S3 client asks for.
- A body that nobody reads holds nothing up: once its request is answered, what still comes is dropped.
- A client that takes nothing for the idle time is given up; hypercorn waits for it shielded, for ever.
- Sending to a client that has gone raises, so that no object is read for it.
- A reply that is small goes out in one piece.
- An error in one connection ends that connection and not the server.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, Response
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, H11SendableEvent
from hypercorn.utils import parse_socket_addr

from runner.gateway.messages import App, Message, Receive, Scope, Send

RECEIVE_BYTES = 128 * 1024
"""Asked for at once. Less costs time, more costs memory: twenty uploads took 140 MiB at 1 MiB, and 40 MiB at this."""

JOINED_BYTES = 64 * 1024
"""Up to here copying a body behind its head costs less than sending the two apart."""

QUEUE_LENGTH = 1
"""Pieces of a body that wait for the operation, each of what was received at once."""

_DISCONNECT: Message = {"type": "http.disconnect"}

_log = structlog.get_logger()


class _Requests(TaskGroup):
    """Runs the request of a connection in a task of its own."""

    async def spawn_app(
        self,
        app: Any,
        config: Config,  # noqa: ARG002  # hypercorn's signature
        scope: Any,
        send: Callable[[Any], Awaitable[None]],
    ) -> Callable[[Any], Awaitable[None]]:
        """Start *app* and return what hands it messages."""
        outgoing, incoming = trio.open_memory_channel[Message](QUEUE_LENGTH)

        async def put(message: Message) -> None:
            if message["type"] == "http.disconnect":
                outgoing.close()  # never waits: whoever sends this may be the one who should read
                return
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # answered already
                await outgoing.send(message)

        async def receive() -> Message:
            try:
                return await incoming.receive()
            except trio.EndOfChannel:
                return _DISCONNECT

        async def run() -> None:
            with incoming:
                await app(scope, receive, send)
            await send(None)

        self.spawn(run)
        return put


class _Parser(h11.Connection):
    """h11, but hypercorn, which asks this, shall not answer for us."""

    they_are_waiting_for_100_continue = False


class _Http11(H11Protocol):
    """The protocol of one connection.

    Attributes:
        is_gone: The client takes no more.
    """

    def __init__(self, app: App, config: Config, context: WorkerContext, tasks: TaskGroup, **peers: Any) -> None:
        super().__init__(
            self._call,  # type: ignore[arg-type]  # called by `_Requests` alone
            config,
            context,
            tasks,
            ConnectionState({}),
            **peers,
        )
        self.connection: h11.Connection = _Parser(h11.SERVER, config.h11_max_incomplete_size)
        self.is_gone = False
        self._app = app
        self._is_waiting = False  # the client, for 100 Continue; h11 forgets it when nothing is to come
        self._head = b""  # of a reply, until its first bytes follow

    async def stream_send(self, event: StreamEvent) -> None:
        """Send what the stream of a request says."""
        if not isinstance(event, Response):
            await super().stream_send(event)
            return
        headers = [*event.headers, *self.config.response_headers("h11")]
        if self.context.terminated.is_set():
            headers.append((b"connection", b"close"))
        await self._send_h11_event(
            h11.Response(headers=headers, status_code=event.status_code, reason=_reason(event.status_code))
        )

    async def _send_error_response(self, status_code: int) -> None:
        """Answer what is not HTTP/1.1."""
        headers = [(b"content-length", b"0"), (b"connection", b"close"), *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(headers=headers, status_code=status_code, reason=_reason(status_code)))
        await self._send_h11_event(h11.EndOfMessage())

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        """Send what h11 makes of *event*: the head of a reply together with a small body, nothing for nothing."""
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is h11.ERROR:
                return  # the client broke off in its own request
            raise
        if isinstance(event, h11.Response):
            self._head = data
            return
        head, self._head = self._head, b""
        if head and len(data) > JOINED_BYTES:
            await self.send(RawData(head))
            head = b""
        if head or data:
            await self.send(RawData(head + data))

    async def _check_protocol(self, event: h11.Request) -> None:
        """Upgrade to nothing."""

    async def _create_stream(self, request: h11.Request) -> None:
        self._is_waiting = self.connection.client_is_waiting_for_100_continue
        self.stream = HTTPStream(
            self._call,  # type: ignore[arg-type]  # called by `_Requests` alone
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await self.stream.handle(
            Request(
                STREAM_ID,
                list(request.headers),
                request.http_version.decode(),
                request.method.decode("ascii"),
                request.target,
                self.connection_state,
            )
        )

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def receive_after_continue() -> Message:
            if self._is_waiting:
                self._is_waiting = False
                await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[], reason=_reason(100)))
            return await receive()

        async def send_or_raise(message: Message) -> None:
            await send(message)
            if self.is_gone:
                raise trio.BrokenResourceError("the client is gone")

        await self._app(scope, receive_after_continue, send_or_raise)


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()


class Connection(TCPServer):
    """Serves one accepted connection until either side ends it.

    Args:
        app: An ASGI application that lets no exception but `trio.BrokenResourceError` out.
        config: hypercorn's; ``keep_alive_timeout`` limits waiting for a head and for the client to take an answer.
        context: Shared by the connections of a server; its ``terminated`` event ends each after its request.
        stream: Closed at the end.
        tls: Certificate and key; None: plain HTTP.
    """

    def __init__(
        self,
        app: App,
        config: Config,
        context: WorkerContext,
        stream: trio.SocketStream,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        outer = stream if tls is None else trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        super().__init__(app, config, context, {}, outer)  # type: ignore[arg-type]  # plain too, and called by `_Requests`
        self._app = app
        self._http: _Http11
        self._socket = stream.socket
        self._is_secure = tls is not None

    async def run(self) -> None:
        """Serve.

        Cancellation: ends the request under way.
        """
        try:
            peers = {
                "ssl": self._is_secure,
                "client": parse_socket_addr(self._socket.family, self._socket.getpeername()),
                "server": parse_socket_addr(self._socket.family, self._socket.getsockname()),
                "send": self.protocol_send,
            }
            async with _Requests() as self._task_group:
                self._http = _Http11(self._app, self.config, self.context, self._task_group, **peers)
                await self.idle_task.restart(self._task_group, self._idle_timeout)
                await self._read_data()
        except OSError:
            pass  # gone before we looked
        except Exception:  # noqa: BLE001  # a border: one connection never ends the others
            _log.exception("connection.failed")
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Updated):
            if event.idle:
                await self.idle_task.restart(self._task_group, self._idle_timeout)
            else:
                await self.idle_task.stop()
        else:
            await self._close()
            await self._http.handle(Closed())

    async def _send(self, data: bytes) -> None:
        async with self.send_lock:
            if self._http.is_gone:
                return
            try:
                with trio.fail_after(self.config.keep_alive_timeout):
                    await self.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                self._http.is_gone = True
                await self.stream.aclose()  # wakes the reader, which tells the rest

    async def _read_data(self) -> None:
        data = b"..."
        while data:
            try:
                data = bytes(await self.stream.receive_some(RECEIVE_BYTES))
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                break
            await self._http.handle(RawData(data))
        await self._http.handle(Closed())

    async def _initiate_server_close(self) -> None:
        await self._http.handle(Closed())
        await self.stream.aclose()
