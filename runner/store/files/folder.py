"""Writing files below one folder and never outside it, whatever symbolic links lie there."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runner.model.errors import Invalid, Unavailable

_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENOTEMPTY})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class InTheWay(Invalid):
    """Something lies in the destination where a file or folder of the commit has to be."""


class ExportFailed(Unavailable):
    """The operating system does not let the destination be written."""


class TargetFolder:
    """An open folder. Blocks; used by one thread at a time.

    Every step down is made from the folder above it, and never through a symbolic link.
    """

    def __init__(self, path: Path) -> None:
        """Open *path*, making it when it is missing.

        Raises:
            ExportFailed, InTheWay.
        """
        self.path = path
        with self.told(b""):
            path.mkdir(parents=True, exist_ok=True)
            self._fds = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
        self._names: list[bytes] = []

    def create(self, name: bytes) -> TargetFile:
        """Begin the file *name*, a path with ``/``; its folders are made.

        Raises:
            ExportFailed, InTheWay.
        """
        with self.told(name):
            *folders, last = name.split(b"/")
            return TargetFile(self, self._go_to(folders), last, name)

    def close(self) -> None:
        """Let go of all folders."""
        while self._fds:
            os.close(self._fds.pop())

    def sync(self) -> None:
        """Make everything written here durable; raises `ExportFailed`."""
        with self.told(b""):
            if sys.platform != "linux":
                os.sync()
            elif ctypes.CDLL(None, use_errno=True).syncfs(self._fds[0]) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def folds_case(self) -> bool:
        """Tell whether names that differ in case alone are one file here; raises `ExportFailed`."""
        probe = f".runner-probe-{secrets.token_hex(8)}"
        with self.told(b""):
            os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._fds[0]))
            try:
                os.stat(probe.upper(), dir_fd=self._fds[0])
            except FileNotFoundError:
                return False
            finally:
                os.unlink(probe, dir_fd=self._fds[0])
        return True

    def _go_to(self, folders: list[bytes]) -> int:
        """Return the descriptor of a folder; those on the way stay open, since the next file lies near."""
        same = 0
        while same < min(len(folders), len(self._names)) and folders[same] == self._names[same]:
            same += 1
        while len(self._names) > same:
            self._names.pop()
            os.close(self._fds.pop())
        for name in folders[same:]:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self._fds[-1])
            self._fds.append(os.open(name, _FOLDER, dir_fd=self._fds[-1]))
            self._names.append(name)
        return self._fds[-1]

    @contextmanager
    def told(self, name: bytes) -> Iterator[None]:
        """Turn an `OSError` of the block, about the path *name*, into the errors of this module."""
        try:
            yield
        except OSError as exc:
            where = self.path / os.fsdecode(name) if name else self.path
            if exc.errno in _IN_THE_WAY:
                what = "a file, a folder or a symbolic link is in the way"
                raise InTheWay(f"{where} cannot be written: {what}", hint="choose an empty folder") from exc
            raise ExportFailed(f"{where} cannot be written: {exc.strerror}") from exc


class TargetFile:
    """A file under a name of its own until it is whole."""

    def __init__(self, folder: TargetFolder, folder_fd: int, name: bytes, path: bytes) -> None:
        self._folder = folder
        self._folder_fd = os.dup(folder_fd)
        self._name = name
        self._path = path
        self._partial = f".runner-{secrets.token_hex(8)}.part"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._fd = os.open(self._partial, flags, 0o666, dir_fd=self._folder_fd)
        except OSError:
            os.close(self._folder_fd)
            raise
        self._is_open = True

    def write(self, data: bytes) -> None:
        """Append *data*; raises `ExportFailed`."""
        with self._folder.told(self._path):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._fd

    def finish(self, mtime_ns: int | None) -> None:
        """Give the file its time and its name; raises `ExportFailed`, `InTheWay`."""
        with self._folder.told(self._path):
            if mtime_ns is not None:
                with suppress(OverflowError):  # a time that this system cannot hold
                    os.utime(self._fd, ns=(mtime_ns, mtime_ns))
            os.rename(self._partial, self._name, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
            self._close()

    def discard(self) -> None:
        """Remove it unless it was finished."""
        if self._is_open:
            with suppress(OSError):
                os.unlink(self._partial, dir_fd=self._folder_fd)
            self._close()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._fd)
            os.close(self._folder_fd)
