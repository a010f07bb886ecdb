"""Writing packs: one new file per process start and per 64 MiB, appended to by one writer, synced once a group."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runner.store.blobs import Payload, Place
from runner.store.blobs.frames import FRAME_HEAD_BYTES, PACK_HEAD, frame_head
from runner.store.blobs.system import System, refusals, sync_folder, write_all

PACK_MAX_BYTES = 64 * 1024 * 1024

_RANDOM_BITS = 20


def pack_name(pack: int) -> str:
    """Return the name of the file of *pack*."""
    return f"{pack:016x}.pack"


class PackWriter:
    """Appends to one pack after another.

    The tail of an older pack is never appended to: what a crash left there needs no repair. The open pack is
    locked with `flock`, so that whoever collects garbage sees that it is still being written.
    """

    def __init__(self, folder: Path, *, max_bytes: int, system: System) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._system = system
        self._fd: int | None = None
        self._pack = 0
        self._end = 0

    def append(self, payloads: Sequence[Payload]) -> Sequence[Place]:
        """As `Blobs.append`."""
        places: list[Place] = []
        with refusals(self._folder):
            try:
                fd = self._open_pack()
                buffers: list[bytes] = []
                end = self._end
                for digest, data in payloads:
                    buffers += (frame_head(digest, len(data)), data)
                    places.append(Place(pack=self._pack, offset=end + FRAME_HEAD_BYTES))
                    end += FRAME_HEAD_BYTES + len(data)
                write_all(self._system, fd, buffers)
                self._system.fdatasync(fd)
            except BaseException:
                self._give_back()
                raise
        self._end = end
        return places

    def close(self) -> None:
        """Let go of the open pack, if any; the next `append` begins a new one."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _give_back(self) -> None:
        """Leave the open pack, whose end is unknown now; a full disk gets back what no row will name."""
        try:
            if self._fd is not None:
                with suppress(OSError):
                    self._system.ftruncate(self._fd, self._end)
        finally:
            self.close()

    def _open_pack(self) -> int:
        if self._end >= self._max_bytes:
            self.close()
        if self._fd is None:
            self._pack = new_pack_id()
            path = self._folder / pack_name(self._pack)
            self._fd = self._system.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
            self._end = len(PACK_HEAD)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                write_all(self._system, self._fd, [PACK_HEAD])
                sync_folder(self._system, self._folder)
            except OSError:
                path.unlink(missing_ok=True)  # a full disk gains nothing from empty packs
                raise
        return self._fd


def new_pack_id() -> int:
    """Draw an id that no process has used: the time in milliseconds, then random bits; 63 bits until the year 2248."""
    return (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
