"""Blobs in memory: for jobs whose store ends with the process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import count

from runner.store.blobs import BlobDamaged, BlobMissing, Frame, Payload, Place


class MemoryBlobs:
    """Every pack holds one blob here; what is durable is what is in the dictionaries."""

    is_remote = False

    def __init__(self) -> None:
        self._ids = count(1)
        self._packs: dict[int, Payload] = {}
        self._files: dict[str, bytes] = {}

    def append(self, payloads: Sequence[Payload]) -> Sequence[Place]:
        """As `Blobs.append`."""
        places = []
        for payload in payloads:
            pack = next(self._ids)
            self._packs[pack] = payload
            places.append(Place(pack=pack))
        return places

    def create(self) -> MemoryDraft:
        """As `Blobs.create`."""
        return MemoryDraft(self._files)

    def open(self, place: Place) -> MemoryOpened:
        """As `Blobs.open`."""
        try:
            data = self._files[place.name] if place.name is not None else self._packs[place.pack or 0].data
        except KeyError as exc:
            raise BlobMissing(f"stored bytes are gone: {place}") from exc
        return MemoryOpened(data, place)

    def clone(self, place: Place, fd: int) -> bool:
        """As `Blobs.clone`: memory is shared with no file."""
        del place, fd
        return False

    def packs(self) -> Iterator[tuple[int, int]]:
        """As `Blobs.packs`."""
        yield from [(pack, len(payload.data)) for pack, payload in self._packs.items()]

    def is_written(self, pack: int) -> bool:  # noqa: ARG002  # the protocol's
        """As `Blobs.is_written`: each holds its one blob from the beginning."""
        return False

    def frames(self, pack: int) -> Iterator[Frame]:
        """As `Blobs.frames`."""
        if pack not in self._packs:
            raise BlobMissing(f"stored bytes are gone: pack {pack:016x}")
        digest, data = self._packs[pack]
        yield Frame(0, len(data), digest)

    def files(self) -> Iterator[tuple[str, int]]:
        """As `Blobs.files`."""
        yield from sorted((name, len(data)) for name, data in self._files.items())

    def delete(self, *places: Place) -> None:
        """As `Blobs.delete`."""
        for place in places:
            if place.name is not None:
                self._files.pop(place.name, None)
            elif place.pack is not None:
                self._packs.pop(place.pack, None)

    def close(self) -> None:
        """Nothing is held open."""


class MemoryDraft:
    """Pieces in a list until they are published."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """As `Draft.write`."""
        self._pieces.append(data)

    def publish(self, digest: bytes) -> Place:
        """As `Draft.publish`."""
        place = Place(name=f"{digest.hex()}-{secrets.token_hex(8)}")
        self._files[str(place.name)] = b"".join(self._pieces)
        self._pieces.clear()
        return place

    def discard(self) -> None:
        """As `Draft.discard`."""
        self._pieces.clear()


class MemoryOpened:
    """The bytes themselves."""

    def __init__(self, data: bytes, place: Place) -> None:
        self._data = data
        self._place = place

    def read_nowait(self, first: int, size: int) -> bytes:
        """As `Opened.read_nowait`; memory never waits."""
        return self.read(first, size)

    def read(self, first: int, size: int) -> bytes:
        """As `Opened.read`."""
        piece = self._data[first : first + size]
        if len(piece) != size:
            raise BlobDamaged(f"stored bytes are cut short: {self._place}")
        return piece

    def close(self) -> None:
        """Nothing is held open."""
