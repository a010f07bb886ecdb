"""Hints that a file appeared in a folder. A hint may be missing: some shared folders give none, nor do other systems.

Source: https://man7.org/linux/man-pages/man7/inotify.7.html
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

_IN_MOVED_TO, _IN_CREATE = 0x80, 0x100
_READ_BYTES = 4096


class Appearances:
    """The hints on one folder; *watched* None: there are none to be had."""

    def __init__(self, watched: int | None) -> None:
        self._watched = watched

    async def wait(self) -> None:
        """Wait for a hint, for ever where there are none; all that came since the last time are one."""
        if self._watched is None:
            await trio.sleep_forever()
        else:
            await trio.lowlevel.wait_readable(self._watched)
            with suppress(BlockingIOError):
                while os.read(self._watched, _READ_BYTES):
                    pass


@asynccontextmanager
async def appearances(folder: Path) -> AsyncIterator[Appearances]:
    """Watch for files that are made in *folder*, or moved there, for as long as the block runs."""
    watched = _watch(folder)
    try:
        yield Appearances(watched)
    finally:
        if watched is not None:
            os.close(watched)


def _watch(folder: Path) -> int | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    watched: int = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if watched < 0:
        return None
    if library.inotify_add_watch(watched, os.fsencode(folder), _IN_MOVED_TO | _IN_CREATE) < 0:
        os.close(watched)
        return None
    return watched
