"""The way out of a reply: over ASGI, with the headers that every reply has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

from runner.gateway.body.source import Source
from runner.gateway.errors import S3Error
from runner.gateway.messages import Message, Send
from runner.gateway.request import Response

_DRAIN_BYTES = 1024 * 1024
_DRAIN_SECONDS = 1.0
_LINGER_BYTES = 64 * 1024 * 1024
_LINGER_SECONDS = 5.0

_BODILESS = frozenset({204, 304})
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Reply:
    """Sends the reply to one request, once.

    A client that still sends a body nobody read, because its request was refused, is heard out up to 1 MiB and 1 s,
    and the connection goes on. What is longer gets its reply at once and loses the connection, but only after
    64 MiB or 5 s more: closed earlier, the reply would be lost on the way to a client that is still sending.

    Args:
        send: Of the ASGI server.
        source: The body of the request.
        request_id: Sent as ``x-amz-request-id``.
        expects_continue: The client waits for ``100 Continue`` and sends nothing before.

    Attributes:
        status: Sent; 0: nothing yet.
        sent: Bytes of the body sent.
    """

    def __init__(self, send: Send, source: Source, request_id: str, *, expects_continue: bool) -> None:
        self.status = 0
        self.sent = 0
        self._send = send
        self._source = source
        self._more = [(b"x-amz-request-id", request_id.encode())]
        self._expects_continue = expects_continue

    def also(self, headers: Mapping[str, str]) -> None:
        """Send these headers too, whatever the reply will be."""
        self._more.extend((_encode(name.lower()), _encode(value)) for name, value in headers.items())

    async def respond(self, response: Response) -> None:
        """Send a whole reply.

        Raises:
            S3Error: InvalidArgument: a header cannot be sent; nothing was.
            BrokenResourceError: The client is gone.
            Whatever the body's iterator raises: the reply stays incomplete.
        """
        start: Message = {"type": "http.response.start", "status": response.status, "headers": _headers(response)}
        if isinstance(response.body, bytes):
            await self.send(start)
            await self.send({"type": "http.response.body", "body": response.body, "more_body": False})
        else:
            await self._stream(start, response.body)

    async def _stream(self, start: Message, body: AsyncIterator[bytes]) -> None:
        async with aclosing(body) as pieces:  # type: ignore[type-var]  # readers are generators
            await self.send(start)
            async for piece in pieces:
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(self, message: Message) -> None:
        """Send one ASGI message of a reply."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif message["type"] == "http.response.body":
            await self._continue(message)

    async def _start(self, message: Message) -> None:
        headers = [*message["headers"], *self._more]
        if self._is_sending:
            await self._source.discard(_DRAIN_BYTES, _DRAIN_SECONDS)
        if not self._source.is_done:
            headers.append((b"connection", b"close"))
        self.status = message["status"]
        await self._send({**message, "headers": headers})

    async def _continue(self, message: Message) -> None:
        body = message.get("body", b"")
        self.sent += len(body)
        if not message.get("more_body", False) and self._is_sending:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            await self._source.discard(_LINGER_BYTES, _LINGER_SECONDS)
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    @property
    def _is_sending(self) -> bool:
        """Whether the client sends, or may send, more of its body."""
        return not self._source.is_done and (self._source.is_begun or not self._expects_continue)


def _headers(response: Response) -> list[tuple[bytes, bytes]]:
    headers = [(_encode(name.lower()), _encode(value)) for name, value in response.headers.items()]
    if response.status not in _BODILESS:
        length = response.length
        if length is None:
            length = len(response.body) if isinstance(response.body, bytes) else None
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
    return headers


def _encode(text: str) -> bytes:
    if _CONTROL.search(text):
        raise S3Error("InvalidArgument", "A header of the reply would hold control characters.")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
