"""Bytes: every blob of the catalog is where it should be and is what it should be. Read by several threads at once."""

from __future__ import annotations

import errno
import os
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import chain, groupby
from threading import Event, Lock
from typing import NamedTuple

from runner.host import digests
from runner.model.errors import Corrupt, Unavailable
from runner.store.blobs import Blobs, Frame, Opened, Place
from runner.store.catalog.codes import BlobPlace
from runner.store.catalog.query import Snapshot
from runner.store.check.pace import BREATH_SECONDS, Pace
from runner.store.check.places import Places
from runner.store.check.report import Report

PIECE_BYTES = 1024 * 1024
LANES = min(8, os.cpu_count() or 1)
"""Threads that read and hash; neither holds the interpreter's lock."""
BATCH_BYTES = 64 * 1024 * 1024
BATCH_BLOBS = 256
_ELSEWHERE = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOTCONN, errno.ESTALE}
_COLUMNS = "id, digest, size, place, pack, off, name"
_PACKED = f"SELECT {_COLUMNS} FROM blob WHERE pack IS NOT NULL ORDER BY pack, id"  # noqa: S608  # as the index has them
_OTHERS = f"SELECT {_COLUMNS} FROM blob WHERE pack IS NULL"  # noqa: S608  # constants
_EPOCHS = """
    SELECT 'blob', x.id FROM blob x WHERE x.epoch < 0 OR x.epoch > ?
    UNION ALL SELECT 'manifest', x.id FROM manifest x WHERE x.epoch < 0 OR x.epoch > ?
"""


class _Blob(NamedTuple):
    """A blob's row."""

    id: int
    digest: bytes
    size: int
    kind: int
    pack: int | None
    offset: int | None
    name: str | None


class _Frames:
    """What a pack tells of itself, read when it is first asked for; one that cannot be read tells nothing.

    A pack has up to a million frames: of each is held where it is, and eight bytes of a hash of what it is.
    """

    def __init__(self, blobs: Blobs, pack: int) -> None:
        self._blobs = blobs
        self._pack = pack
        self._lock = Lock()
        self._known: tuple[array[int], array[int]] | None = None

    def __contains__(self, frame: Frame) -> bool:
        with self._lock:
            offsets, hashes = self._known = self._known or self._read()
        at = bisect_left(offsets, frame.offset)
        return at < len(offsets) and offsets[at] == frame.offset and hashes[at] == hash(frame)

    def _read(self) -> tuple[array[int], array[int]]:
        offsets, hashes = array("q"), array("q")
        with suppress(Corrupt):
            for frame in self._blobs.frames(self._pack):
                offsets.append(frame.offset)
                hashes.append(hash(frame))
        return offsets, hashes


class _Batch(NamedTuple):
    """Blobs that are looked at by one thread: of one pack with what that tells of itself, or of files."""

    blobs: Sequence[_Blob]
    frames: _Frames | None


class _Stopped(Exception):
    """The check is over before its time."""


class _Damage(Exception):
    pass


class StoredBytes:
    """Compares blobs with their rows. What lies there is listed before the rows are read, so nothing seems lost."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._packs = dict(blobs.packs())
        self._files = dict(blobs.files())
        self._read = 0
        self._lock = Lock()
        self._stopping = Event()

    def check(self, db: Snapshot, report: Report, *, read_data: bool, pace: Pace) -> None:
        """Look at every blob: all its bytes with *read_data*, else its size."""
        report.blobs, size_bytes = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM blob").fetchone()
        report.size_bytes = int(size_bytes)
        pace.begin("blob", report.blobs, report.size_bytes if read_data else 0)
        damaged: dict[int, str] = {}
        under_way: deque[tuple[int, Future[dict[int, str]]]] = deque()
        with ThreadPoolExecutor(LANES) as lanes:
            try:
                for batch in _batches(map(_Blob._make, chain(db.scan(_PACKED), db.scan(_OTHERS))), self._blobs):
                    under_way.append((len(batch.blobs), lanes.submit(self._check_batch, batch, read_data=read_data)))
                    while len(under_way) > 2 * LANES:
                        damaged |= self._awaited(*under_way.popleft(), pace)
                while under_way:
                    damaged |= self._awaited(*under_way.popleft(), pace)
            except BaseException:
                self._stopping.set()
                lanes.shutdown(cancel_futures=True)
                raise
        if damaged:
            touched = Places(db).using_blobs(damaged.keys())
            for number, why in sorted(damaged.items()):
                report.tell(f"blob {number}: {why}", touched[number] or ["nothing that is kept"])

    def note_unreferenced(self, db: Snapshot, report: Report) -> None:
        """Note packs and files that no row names: what broken writes leave, until it is collected."""
        packs = self._packs.keys() - {row[0] for row in db.scan("SELECT DISTINCT pack FROM blob")}
        names = self._files.keys() - {row[0] for row in db.scan("SELECT name FROM blob WHERE name IS NOT NULL")}
        if packs:
            report.notes.append(f"{len(packs):,} packs hold nothing that is referred to")
        if names:
            size = sum(self._files[name] for name in names)
            report.notes.append(f"{len(names):,} files, {size:,} bytes, are not referred to")

    def _awaited(self, blobs: int, batch: Future[dict[int, str]], pace: Pace) -> dict[int, str]:
        while not batch.done():
            wait([batch], timeout=BREATH_SECONDS)
            self._tell(pace)
        self._tell(pace)
        pace(blobs)
        return batch.result()

    def _tell(self, pace: Pace) -> None:
        with self._lock:
            read, self._read = self._read, 0
        pace(0, read)

    def _check_batch(self, batch: _Batch, *, read_data: bool) -> dict[int, str]:
        """Return what is wrong with blobs that lie in one pack, or in files; one of the threads.

        Raises:
            StorageFailed: (Unavailable) They are out of reach.
        """
        damaged = {}
        for blob in batch.blobs:
            try:
                self._check_blob(blob, batch.frames, read_data=read_data)
            except _Damage as exc:
                damaged[blob.id] = str(exc)
            except Corrupt as exc:
                damaged[blob.id] = exc.message
            except Unavailable as exc:
                if _is_out_of_reach(exc):  # and may be whole
                    raise
                damaged[blob.id] = exc.message
        return damaged

    def _check_blob(self, blob: _Blob, frames: _Frames | None, *, read_data: bool) -> None:
        is_packed = blob.kind == BlobPlace.PACK
        if blob.kind not in {BlobPlace.PACK, BlobPlace.FILE} or (
            [blob.pack is not None, blob.offset is not None, blob.name is None] != [is_packed] * 3
        ):
            raise _Damage("its place makes no sense")
        place = Place(blob.pack, blob.offset or 0, blob.name)
        if place.name is not None and self._files.get(place.name, blob.size) != blob.size:
            raise _Damage(f"{place} has {self._files[place.name]:,} bytes instead of {blob.size:,}")
        opened = self._blobs.open(place)
        try:
            if blob.size:
                opened.read(blob.size - 1, 1)
            if read_data and self._hashed(opened, blob.size) != blob.digest:
                raise _Damage(f"the bytes of {place} do not match their digest")
        finally:
            opened.close()
        if frames is not None and Frame(place.offset, blob.size, blob.digest) not in frames:
            raise _Damage(f"{place} is not what the pack tells of it")

    def _hashed(self, opened: Opened, size: int) -> bytes:
        found = digests.new("BLAKE3")
        for at in range(0, size, PIECE_BYTES):
            if self._stopping.is_set():
                raise _Stopped
            piece = opened.read(at, min(PIECE_BYTES, size - at))
            found.update(piece)
            with self._lock:
                self._read += len(piece)
        return found.digest()


def _is_out_of_reach(error: Unavailable) -> bool:
    """Tell a store that is away or closed to us from a sector, or a name, that is broken."""
    return not isinstance(error.__cause__, OSError) or error.__cause__.errno in _ELSEWHERE


def check_epochs(db: Snapshot, report: Report) -> None:
    """No blob and no manifest was referred to in a collection that is yet to come."""
    (epoch,) = db.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'gc_epoch'").fetchone()
    for table, number in db.scan(_EPOCHS, (epoch, epoch)):
        report.tell(f"{table} {number}: it would never be collected", ["nothing that is kept"])


def _batches(blobs: Iterable[_Blob], stored: Blobs) -> Iterator[_Batch]:
    """Yield the blobs of each pack, and those of files, by some at a time."""
    for pack, found in groupby(blobs, lambda blob: blob.pack):
        frames = None if pack is None else _Frames(stored, pack)
        batch: list[_Blob] = []
        size_bytes = 0
        for blob in found:
            batch.append(blob)
            size_bytes += blob.size
            if len(batch) >= BATCH_BLOBS or size_bytes >= BATCH_BYTES:
                yield _Batch(batch, frames)
                batch, size_bytes = [], 0
        if batch:
            yield _Batch(batch, frames)
