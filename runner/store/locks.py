"""Who owns a job: an `flock` that its runner holds for its whole life and the kernel lets go when it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from runner.model.job import JobKey
from runner.store.catalog.engine import LOCKS_FOLDER


class OwnerLock:
    """The lock of one job."""

    def __init__(self, folder: Path, key: JobKey) -> None:
        self._path = folder / LOCKS_FOLDER / f"job-{key.project}-{key.pipeline}-{key.id}"
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
        """Let go of it; safe to call twice. The job is settled, so nobody asks for the file again."""
        if self._fd is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()
            os.close(self._fd)
            self._fd = None
