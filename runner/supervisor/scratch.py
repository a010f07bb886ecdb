"""A folder on the store's disk for what attempts need while they run.

It is locked for as long as its process lives. What a dead process left there is removed by the next one that starts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from runner.job.scratch import ScratchRefused

_LOCK = ".lock"


@asynccontextmanager
async def open_scratch(parent: Path) -> AsyncIterator[Path]:
    """Give a fresh folder below *parent*, and remove it at the end, shielded.

    Raises:
        ScratchRefused: (Unavailable)
    """
    try:
        folder, lock = await trio.to_thread.run_sync(_make, parent)
    except OSError as exc:
        raise ScratchRefused(f"{parent} cannot be used: {exc.strerror}", hint="see whether its disk is full") from exc
    try:
        yield folder
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in parent.iterdir():
        _remove_if_dead(left)
    folder = Path(tempfile.mkdtemp(dir=parent))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def _remove_if_dead(folder: Path) -> None:
    """Remove *folder* unless a living process holds it, or is just making it."""
    with suppress(OSError):  # gone, or not yet locked by whoever made it: another start looks again
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
