"""HTTP by hand: what no HTTP library lets one send."""

from dataclasses import dataclass

import trio
from lxml import etree


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def code(self):
        return etree.fromstring(self.body).findtext("Code") if self.body else ""

    @property
    def is_last(self):
        return "close" in self.headers.get("connection", "")


class Raw:
    def __init__(self, stream, *, has_reasons=True):
        self.stream = stream
        self._has_reasons = has_reasons
        self._received = b""

    async def send(self, *parts):
        """Send text, with CRLF for each newline, and bytes as they are."""
        for part in parts:
            await self.stream.send_all(part.replace("\n", "\r\n").encode("latin-1") if isinstance(part, str) else part)

    async def reply(self, *, has_body=True):
        """Receive one reply, an interim one too."""
        head = (await self._until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        status = int(head[0].split(" ", 2)[1])
        assert head[0].split(" ", 2)[2] or not self._has_reasons
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self._received) < length:
            await self._more()
        body, self._received = self._received[:length], self._received[length:]
        return Reply(status, headers, body)

    async def ask(self, head, body=b"", *, has_body=True):
        """Send a request with a Host and receive its reply."""
        await self.send(head.replace("\n", "\nHost: 127.0.0.1\n", 1) + "\n", body)
        return await self.reply(has_body=has_body)

    async def is_at_end(self):
        """Tell whether the server closes without another byte."""
        with trio.fail_after(5):
            try:
                return not self._received and not await self.stream.receive_some()
            except trio.BrokenResourceError:
                return True

    async def _until(self, mark):
        while mark not in self._received:
            await self._more()
        found, _, self._received = self._received.partition(mark)
        return found

    async def _more(self):
        with trio.fail_after(5):
            data = await self.stream.receive_some()
        assert data, f"the server closed after {self._received!r}"
        self._received += data
