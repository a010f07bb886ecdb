"""Blobs in a folder of a local disk.

::

    packs/<id, 16 hex digits>.pack    small blobs, see `frames`
    files/<2 hex>/<digest>-<nonce>    large blobs; fanned out by the first digits of the digest
    incoming/<nonce>                  large blobs that are being written, locked by their writer

All files are read-only from their creation on. This is the only place where an `OSError` is met.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from runner.store.blobs import BlobDamaged, BlobMissing, Frame, Payload, Place
from runner.store.blobs.frames import frames_of
from runner.store.blobs.packs import PACK_MAX_BYTES, PackWriter, pack_name
from runner.store.blobs.system import OS, System, refusals, sync_folder, write_all

_NOWAIT = getattr(os, "RWF_NOWAIT", 0)  # Linux only
_FICLONE = 0x40049409  # linux/fs.h
_SURE_BYTES = 64 * 1024
"""Where the kernel cannot tell whether a read would wait, this much is read at once all the same."""
_FLUSH_BYTES = 8 * 1024 * 1024
"""The kernel is asked so often to begin writing a draft out: the sync at its end then waits for little."""


class LocalBlobs:
    """Packs and files below one folder; several processes may use it at once."""

    is_remote = False

    def __init__(self, folder: Path, *, pack_max_bytes: int = PACK_MAX_BYTES, system: System = OS) -> None:
        """Make the folders that are missing and clear drafts whose writers are gone."""
        self._folder = folder
        self._system = system
        with refusals(folder):
            for name in ("packs", "files", "incoming"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            sync_folder(system, folder)
            _clear_abandoned(folder / "incoming")
        self._writer = PackWriter(folder / "packs", max_bytes=pack_max_bytes, system=system)

    def append(self, payloads: Sequence[Payload]) -> Sequence[Place]:
        """As `Blobs.append`."""
        return self._writer.append(payloads)

    def create(self) -> LocalDraft:
        """As `Blobs.create`."""
        with refusals(self._folder):
            return LocalDraft(self._folder, self._system)

    def open(self, place: Place) -> LocalOpened:
        """As `Blobs.open`."""
        path = self._path(place)
        with refusals(self._folder):
            try:
                return LocalOpened(self._system.open(path, os.O_RDONLY | os.O_CLOEXEC, 0), place, path, self._system)
            except FileNotFoundError as exc:
                raise BlobMissing(f"stored bytes are gone: {path}", hint="runner store check tells the damage") from exc

    def clone(self, place: Place, fd: int) -> bool:
        """As `Blobs.clone`: what Linux calls a reflink (ioctl_ficlone(2))."""
        if sys.platform != "linux":
            return False
        opened = self.open(place)
        try:
            return opened.clone_to(fd)
        finally:
            opened.close()

    def packs(self) -> Iterator[tuple[int, int]]:
        """As `Blobs.packs`."""
        with refusals(self._folder):
            for path in sorted((self._folder / "packs").glob("*.pack")):
                with suppress(ValueError, FileNotFoundError):
                    yield int(path.stem, 16), path.stat().st_size

    def is_written(self, pack: int) -> bool:
        """As `Blobs.is_written`: its writer holds a lock on it."""
        with refusals(self._folder), suppress(FileNotFoundError):
            fd = os.open(self._path(Place(pack)), os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(fd)
        return False

    def frames(self, pack: int) -> Iterator[Frame]:
        """As `Blobs.frames`."""
        opened = self.open(Place(pack=pack))
        try:
            yield from frames_of(opened.read, opened.size())
        finally:
            opened.close()

    def files(self) -> Iterator[tuple[str, int]]:
        """As `Blobs.files`."""
        with refusals(self._folder):
            for shelf in sorted((self._folder / "files").iterdir()):
                with os.scandir(shelf) as entries:
                    yield from sorted((entry.name, entry.stat().st_size) for entry in entries)

    def delete(self, *places: Place) -> None:
        """As `Blobs.delete`."""
        with refusals(self._folder):
            for place in places:
                Path(self._path(place)).unlink(missing_ok=True)

    def close(self) -> None:
        """As `Blobs.close`."""
        self._writer.close()

    def _path(self, place: Place) -> str:
        """Return the path as text: each read needs it, and a `Path` costs as much as the read."""
        if place.pack is not None:
            return f"{self._folder}/packs/{pack_name(place.pack)}"
        assert place.name is not None  # noqa: S101  # the other half of a place
        return f"{self._folder}/files/{place.name[:2]}/{place.name}"


class LocalDraft:
    """A file in ``incoming``, locked while its writer lives."""

    def __init__(self, folder: Path, system: System) -> None:
        self._folder = folder
        self._system = system
        self._nonce, self._path, self._fd = _begin_incoming(folder / "incoming", system)
        self._written = 0
        self._flushed = 0

    def write(self, data: bytes) -> None:
        """As `Draft.write`."""
        fd = self._open_fd()
        with refusals(self._folder):
            write_all(self._system, fd, [data])
        self._written += len(data)
        if self._written - self._flushed >= _FLUSH_BYTES:
            _begin_writing_out(fd, self._flushed, self._written)
            self._flushed = self._written

    def publish(self, digest: bytes) -> Place:
        """As `Draft.publish`."""
        fd = self._open_fd()
        name = f"{digest.hex()}-{self._nonce}"
        shelf = self._folder / "files" / name[:2]
        with refusals(self._folder):
            self._system.fsync(fd)
            if not shelf.is_dir():
                shelf.mkdir(exist_ok=True)
                sync_folder(self._system, shelf.parent)
            self._system.rename(self._path, shelf / name)
            sync_folder(self._system, shelf)
        self._close()
        return Place(name=name)

    def discard(self) -> None:
        """As `Draft.discard`."""
        if self._fd is not None:
            with refusals(self._folder):
                try:
                    self._path.unlink(missing_ok=True)
                finally:
                    self._close()

    def _open_fd(self) -> int:
        assert self._fd is not None, "the draft has ended"  # noqa: S101  # our own mistake
        return self._fd

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class LocalOpened:
    """A file descriptor of a pack or of a file of its own."""

    def __init__(self, fd: int, place: Place, path: str, system: System) -> None:
        self._fd: int | None = fd
        self._offset = place.offset
        self._path = path
        self._system = system

    def read_nowait(self, first: int, size: int) -> bytes | None:
        """As `Opened.read_nowait`: what the kernel holds in memory (``RWF_NOWAIT``, preadv2(2))."""
        fd = self._open_fd()
        if _NOWAIT:
            buffer = bytearray(size)
            try:
                got = self._system.preadv(fd, [memoryview(buffer)], self._offset + first, _NOWAIT)
            except BlockingIOError:
                return None
            except OSError as exc:
                if exc.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                    return None  # the read that may wait tells the error
            else:
                return bytes(buffer) if got == size else None
        return self.read(first, size) if size <= _SURE_BYTES else None

    def read(self, first: int, size: int) -> bytes:
        """As `Opened.read`."""
        fd = self._open_fd()
        data = b""
        with refusals(self._path):
            while len(data) < size:
                piece = self._system.pread(fd, size - len(data), self._offset + first + len(data))
                if not piece:
                    raise BlobDamaged(f"stored bytes are cut short: {self._path}", hint="runner store check tells more")
                data = data + piece if data else piece
        return data

    def size(self) -> int:
        """Return the size of the whole container in bytes."""
        with refusals(self._path):
            return os.fstat(self._open_fd()).st_size

    def clone_to(self, fd: int) -> bool:
        """Let *fd* share the whole container; False: the file systems do not do that."""
        try:
            fcntl.ioctl(fd, _FICLONE, self._open_fd())
        except OSError:  # of many kinds; a copy meets those that matter again
            return False
        return True

    def close(self) -> None:
        """As `Opened.close`."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _open_fd(self) -> int:
        assert self._fd is not None, "the blob is closed"  # noqa: S101  # our own mistake
        return self._fd


def _begin_incoming(incoming: Path, system: System) -> tuple[str, Path, int | None]:
    """Return nonce, path and locked descriptor of a new draft."""
    while True:
        nonce = secrets.token_hex(8)
        path = incoming / nonce
        fd = system.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return nonce, path, fd
        os.close(fd)  # a store that was just being opened took it for abandoned before we had the lock


def _begin_writing_out(fd: int, first: int, end: int) -> None:
    """Start it without waiting, where the system can: on Linux this advice does so for pages that are dirty."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, first, end - first, os.POSIX_FADV_DONTNEED)


def _clear_abandoned(incoming: Path) -> None:
    """Remove drafts that no live process holds a lock on."""
    for path in incoming.iterdir():
        with suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            except BlockingIOError:
                pass  # its writer lives
            finally:
                os.close(fd)
