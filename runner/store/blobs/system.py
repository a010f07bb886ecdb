"""What the local backend asks of the operating system, and how refusals of it are told."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from runner.store.blobs import StorageFailed, StoreFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


MISTAKES = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EINVAL,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""Of a folder that is about to be used: another one has to be chosen, or its owner to be asked."""


class System(Protocol):
    """The calls that touch the disk, as `os` has them. Tests hand in one that fails."""

    def open(self, path: Path | str, flags: int, mode: int) -> int:
        """As `os.open`."""

    def writev(self, fd: int, buffers: Sequence[bytes | memoryview], /) -> int:
        """As `os.writev`."""

    def pread(self, fd: int, length: int, offset: int, /) -> bytes:
        """As `os.pread`."""

    def preadv(self, fd: int, buffers: Sequence[memoryview], offset: int, flags: int, /) -> int:
        """As `os.preadv`."""

    def fsync(self, fd: int) -> None:
        """As `os.fsync`."""

    def fdatasync(self, fd: int) -> None:
        """As `os.fdatasync`."""

    def ftruncate(self, fd: int, length: int, /) -> None:
        """As `os.ftruncate`."""

    def rename(self, source: Path, target: Path, /) -> None:
        """As `os.rename`."""


OS = cast("System", os)  # its real signatures are wider


@contextmanager
def refusals(folder: Path | str) -> Iterator[None]:
    """Turn an `OSError` of the block into one of the store's own errors, naming *folder*.

    Raises:
        StoreFull: No space, no quota, or the file size limit is reached.
        StorageFailed: Anything else.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            hint = "free some space there, then try again"
            raise StoreFull(f"the disk is full: {folder} ({exc.strerror})", hint=hint) from exc
        raise StorageFailed(f"cannot use {folder}: {exc.strerror or exc}", hint="see whether its disk is well") from exc


def write_all(system: System, fd: int, buffers: Sequence[bytes]) -> None:
    """Write every byte of *buffers*, whatever share of them each call takes."""
    for first in range(0, len(buffers), _BUFFERS_MAX):
        _write_some(system, fd, buffers[first : first + _BUFFERS_MAX])


def _write_some(system: System, fd: int, buffers: Sequence[bytes]) -> None:
    missing = sum(map(len, buffers)) - system.writev(fd, buffers)
    if not missing:
        return
    rest = memoryview(b"".join(buffers))[-missing:]
    while rest:
        rest = rest[system.writev(fd, [rest]) :]


def sync_folder(system: System, folder: Path) -> None:
    """Make the names in *folder* durable."""
    fd = system.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0)
    try:
        system.fsync(fd)
    finally:
        os.close(fd)


_BUFFERS_MAX = 1024  # IOV_MAX of Linux and macOS
