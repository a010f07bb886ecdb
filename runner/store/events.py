"""Hints between the processes on one store: something has changed, look again.

Each listener has a socket in the store's folder, and whoever changed something sends a byte to all of them. A hint may
be lost and means nothing by itself: what is there to do stands in the catalog. Jobs may write many lines a second, so
that a hint on those goes only to who follows a log.
"""

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


class News:
    """The hints that one listener gets."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard

    async def wait(self) -> None:
        """Wait for a hint; all that came since the last time are one."""
        await trio.lowlevel.wait_readable(self._heard)
        with suppress(BlockingIOError):
            while True:
                self._heard.recv(1)


def tell(folder: Path, *, lines: bool = False) -> None:
    """Give everybody who listens on the store in *folder* a hint; never waits, never fails.

    Args:
        folder: The store's.
        lines: All that is new are lines of a job's log.
    """
    with suppress(OSError), _opened(folder) as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
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
async def listen(folder: Path, *, lines: bool = False) -> AsyncIterator[News]:
    """Hear the hints on the store in *folder* for as long as the block runs, with *lines* also those on logs."""
    name = f"{os.getpid()}-{secrets.token_hex(4)}{_HEARS_LINES if lines else ''}"
    with _opened(folder) as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.setblocking(False)
        heard.bind(f"{place}/{name}")
        try:
            yield News(heard)
        finally:
            _forget(Path(place, name))


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@contextmanager
def _opened(folder: Path) -> Iterator[str]:
    """Give the folder of sockets a short name: addresses of sockets end at 108 bytes."""
    (folder / _FOLDER).mkdir(mode=0o700, exist_ok=True)
    fd = os.open(folder / _FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
