"""Bytes of one request as they arrive over ASGI."""

from __future__ import annotations

import trio

from runner.gateway.errors import S3Error
from runner.gateway.messages import Receive

BLOCK_BYTES = 256 * 1024


class ClientVanished(Exception):
    """The connection ended before its request did; there is nobody to answer."""


class Source:
    """Reads a body in blocks; back-pressure is the channel that *receive* reads from.

    Args:
        receive: Of the ASGI server; its first call lets the client go on that waits for ``100 Continue``.
        has_body: False: nothing follows the head, and the client does not wait before it sends nothing.
        idle_seconds: Limit of each wait for more.

    Attributes:
        is_done: All of the body was read.
        is_begun: Some was asked for.
    """

    def __init__(self, receive: Receive, *, has_body: bool, idle_seconds: float) -> None:
        self.is_done = not has_body
        self.is_begun = False
        self._receive = receive
        self._idle_seconds = idle_seconds

    async def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Return at least *size* bytes, fewer only at the end, which is ``b""`` when asked again.

        Raises:
            ClientVanished: The client is gone.
            S3Error: RequestTimeout: nothing came for the idle time.
        """
        pieces: list[bytes] = []
        missing = size
        while missing > 0 and not self.is_done:
            piece = await self._next()
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def discard(self, limit_bytes: int, seconds: float) -> None:
        """Read on without keeping anything, until the end, a limit, or the client's."""
        with trio.move_on_after(seconds):
            while limit_bytes > 0 and not self.is_done:
                try:
                    limit_bytes -= len(await self._next())
                except (ClientVanished, S3Error):
                    return

    async def _next(self) -> bytes:
        self.is_begun = True
        try:
            with trio.fail_after(self._idle_seconds):
                message = await self._receive()
        except trio.TooSlowError as exc:
            raise S3Error("RequestTimeout") from exc
        if message["type"] != "http.request":
            raise ClientVanished
        self.is_done = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body
