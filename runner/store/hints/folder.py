"""Hints on one host: each listener has a socket in the store's folder, and who tells sends a byte to all of them."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import trio

_FOLDER = "events"
_HEARS_LINES = ".lines"
"""Ends the name of a socket whose listener follows a log."""


class FolderHints:
    """As `runner.store.hints.Hints`; *folder* is the store's, on a local disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _FOLDER

    def tell(self, *, lines: bool = False) -> None:
        """As `Hints.tell`."""
        with suppress(OSError), self._opened() as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for path in Path(place).iterdir():
                if lines and path.suffix != _HEARS_LINES:
                    continue
                try:
                    sender.sendto(b"\0", str(path))
                except ConnectionRefusedError:  # its process died
                    _forget(path)
                except OSError:
                    continue  # it has more hints than it can hold, or is just going

    @asynccontextmanager
    async def listen(self, *, lines: bool = False) -> AsyncIterator[FolderNews]:
        """As `Hints.listen`."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}{_HEARS_LINES if lines else ''}"
        with self._opened() as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.setblocking(False)
            heard.bind(f"{place}/{name}")
            try:
                yield FolderNews(heard)
            finally:
                _forget(Path(place, name))

    @contextmanager
    def _opened(self) -> Iterator[str]:
        """Give the folder of sockets a short name: addresses of sockets end at 108 bytes."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)


class FolderNews:
    """As `runner.store.hints.News`."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard

    async def wait(self) -> None:
        """As `News.wait`."""
        await trio.lowlevel.wait_readable(self._heard)
        with suppress(BlockingIOError):
            while True:
                self._heard.recv(1)


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
