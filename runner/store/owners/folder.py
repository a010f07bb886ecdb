"""Owners on one host: an `flock` on a file in the store's folder, which the kernel lets go when its holder dies.

What the dead leave of it is a file that nobody holds a lock on; whoever opens the store next removes these.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

from runner.model.errors import Unavailable
from runner.store.catalog.engine import Transaction
from runner.store.catalog.sqlite import LOCKS_FOLDER, WRITER_LOCK


class LockRefused(Unavailable):
    """The operating system does not let a lock be taken."""


class FolderOwners:
    """As `runner.store.owners.Owners`; *folder* is the store's, on a local disk.

    `take` and `is_held` raise `LockRefused`.
    """

    linger_seconds = 0.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder / LOCKS_FOLDER

    def forget_dead(self) -> None:
        """Remove the files of owners that died; raises `LockRefused`."""
        with _refusals(self._folder):
            names = {path.name for path in self._folder.iterdir()} - {WRITER_LOCK}
        for name in names:
            if (owner := self._try_take(name)) is not None:
                owner.let_go()

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

    async def find_held(self, names: Sequence[str]) -> Collection[str]:
        """As `Owners.find_held`."""
        return {name for name in names if await self.is_held(name)}

    def _try_take(self, name: str) -> FolderOwner | None:
        path = self._folder / name
        with _refusals(path):
            fd = _open_locked(path)
        return None if fd is None else FolderOwner(name, path, fd)


class FolderOwner:
    """As `runner.store.owners.Owner`, and lost by nobody who lives. Made by `FolderOwners.take`."""

    def __init__(self, name: str, path: Path, fd: int) -> None:
        self.name = name
        self.lost = trio.Event()
        self._path = path
        self._fd: int | None = fd

    def require(self, tx: Transaction) -> None:
        """As `Owner.require`: the kernel has judged it."""

    async def release(self) -> None:
        """As `Owner.release`."""
        self.let_go()

    def let_go(self) -> None:
        """Release it without waiting. A file that cannot be removed is one that a dead owner left."""
        if self._fd is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._fd)
            self._fd = None


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        hint = "see whether its disk is full or read-only"
        raise LockRefused(f"a lock cannot be taken: {path}: {exc.strerror}", hint=hint) from exc


def _open_locked(path: Path) -> int | None:
    """Return a descriptor of the file at *path*, locked; None: another one has the lock."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)  # its owner let go, and removed it, before we had the lock: the name has another file by now
