"""Who is alive: an `flock` that a writer holds while it works, and that the kernel lets go when it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from runner.model.job import JobKey
from runner.store.catalog.engine import LOCKS_FOLDER


def job_owner(key: JobKey) -> str:
    """Return the name of the lock that a job's runner holds."""
    return f"job-{key.project}-{key.pipeline}-{key.id}"


def is_held(folder: Path, name: str) -> bool:
    """Tell whether the writer that took a lock by that name is alive and at work."""
    lock = OwnerLock(folder, name)
    if lock.try_take():
        lock.release()
        return False
    return True


class OwnerLock:
    """A lock by name. It is taken before a row names it, so a row whose lock is free belongs to nobody."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._path = folder / LOCKS_FOLDER / name
        self._fd: int | None = None

    def try_take(self) -> bool:
        """Become the owner; False: another process, or another session of this one, is."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Let go of it; safe to call twice. Whoever opened the file meanwhile finds nothing left to settle."""
        if self._fd is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()
            os.close(self._fd)
            self._fd = None
