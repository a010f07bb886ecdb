"""Bytes: every blob of the catalog is where it should be and is what it should be."""

from __future__ import annotations

from collections.abc import Callable

from runner.host import digests
from runner.model.errors import RunnerError
from runner.store.blobs import Blobs, Frame, Opened, Place
from runner.store.catalog.codes import BlobPlace
from runner.store.catalog.query import Connection
from runner.store.check.places import Places
from runner.store.check.report import Report

PIECE_BYTES = 1024 * 1024


class StoredBytes:
    """Compares blobs with their rows. What lies there is listed before the rows are read, so nothing seems lost."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._packs = dict(blobs.packs())
        self._files = dict(blobs.files())

    def check(self, db: Connection, report: Report, *, read_data: bool, breathe: Callable[[], None]) -> None:
        """Look at every blob: all its bytes with *read_data*, else its size; *breathe* is called now and then."""
        damaged: dict[int, str] = {}
        frames = _Frames(self._blobs)
        rows = db.execute("SELECT id, digest, size, place, pack, off, name FROM blob ORDER BY pack, off, id")
        for number, digest, size, kind, pack, offset, name in rows:
            breathe()
            report.blobs += 1
            report.size_bytes += size
            is_packed = kind == BlobPlace.PACK
            if [pack is not None, offset is not None, name is None] != [is_packed] * 3:
                damaged[number] = "its place makes no sense"
                continue
            place = Place(pack, offset or 0, name)
            try:
                if pack is not None:
                    frames.look_for(pack, Frame(offset, size, digest))
                self._check_blob(place, digest, size, read_data=read_data, breathe=breathe)
            except _Damage as exc:
                damaged[number] = str(exc)
            except RunnerError as exc:
                damaged[number] = exc.message
        for what in frames.problems:
            report.tell(what)
        if damaged:
            touched = Places(db).using_blobs(damaged.keys())
            for number, why in damaged.items():
                report.tell(f"blob {number}: {why}", touched[number])

    def note_unreferenced(self, db: Connection, report: Report) -> None:
        """Note packs and files that no row names: what broken writes leave, until it is collected."""
        packs = self._packs.keys() - {row[0] for row in db.execute("SELECT DISTINCT pack FROM blob")}
        names = self._files.keys() - {row[0] for row in db.execute("SELECT name FROM blob WHERE name IS NOT NULL")}
        if packs:
            report.notes.append(f"{len(packs):,} packs hold nothing that is referred to")
        if names:
            size = sum(self._files[name] for name in names)
            report.notes.append(f"{len(names):,} files, {size:,} bytes, are not referred to")

    def _check_blob(
        self, place: Place, digest: bytes, size: int, *, read_data: bool, breathe: Callable[[], None]
    ) -> None:
        if place.name is not None and self._files.get(place.name, size) != size:
            raise _Damage(f"{place} has {self._files[place.name]:,} bytes instead of {size:,}")
        opened = self._blobs.open(place)
        try:
            if size:
                opened.read(size - 1, 1)
            if read_data:
                _compare(opened, place, digest, size, breathe)
        finally:
            opened.close()


class _Frames:
    """Whether packs tell themselves what the catalog tells of them; told once a pack."""

    def __init__(self, blobs: Blobs) -> None:
        self.problems: list[str] = []
        self._blobs = blobs
        self._pack = -1
        self._told: set[Frame] = set()

    def look_for(self, pack: int, frame: Frame) -> None:
        if pack != self._pack:
            self._pack = pack
            self._told = set(self._blobs.frames(pack))
        elif not self._told:
            return  # told already
        if frame not in self._told:
            self.problems.append(f"pack {pack:016x} does not tell of the blob at {frame.offset:,}")
            self._told = set()


class _Damage(Exception):
    pass


def _compare(opened: Opened, place: Place, digest: bytes, size: int, breathe: Callable[[], None]) -> None:
    found = digests.new("BLAKE3")
    for at in range(0, size, PIECE_BYTES):
        found.update(opened.read(at, min(PIECE_BYTES, size - at)))
        breathe()
    if found.digest() != digest:
        raise _Damage(f"the bytes of {place} do not match their digest")
