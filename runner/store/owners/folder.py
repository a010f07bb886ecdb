"""Owners on one host: an `flock` on a file in the store's folder, which the kernel lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import trio

from runner.store.catalog.sqlite import LOCKS_FOLDER


class FolderOwners:
    """As `runner.store.owners.Owners`; *folder* is the store's, on a local disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / LOCKS_FOLDER

    async def take(self, name: str) -> FolderOwner | None:
        """As `Owners.take`."""
        await trio.lowlevel.checkpoint()
        return self._try_take(name)

    async def is_held(self, name: str) -> bool:
        """As `Owners.is_held`; an owner that looks at the same moment may find the name taken."""
        await trio.lowlevel.checkpoint()
        owner = self._try_take(name)
        if owner is not None:
            owner.let_go()
        return owner is None

    def _try_take(self, name: str) -> FolderOwner | None:
        path = self._folder / name
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return FolderOwner(name, path, fd)


class FolderOwner:
    """As `runner.store.owners.Owner`. Made by `FolderOwners.take`."""

    def __init__(self, name: str, path: Path, fd: int) -> None:
        self.name = name
        self._path = path
        self._fd: int | None = fd

    async def release(self) -> None:
        """As `Owner.release`."""
        self.let_go()

    def let_go(self) -> None:
        """Release it without waiting. Whoever opened the file meanwhile finds nothing left to settle."""
        if self._fd is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()
            os.close(self._fd)
            self._fd = None
