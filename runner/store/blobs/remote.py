"""Blobs in an object store.

::

    runner-store                      whose blobs these are: the id of the store
    packs/<id, 16 hex digits>.pack    small blobs, see `frames`: each group of writes is one object
    files/<nonce, 32 hex digits>      large blobs; they cannot be renamed when their digest is known

Objects are written once. A pack is there when its PUT was answered; a large blob is uploaded in parts, which nobody
sees before the upload is complete. This is the only place where the client library is met.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING

from runner.host import objectstores
from runner.model.errors import Invalid
from runner.store.blobs import BlobDamaged, BlobMissing, Frame, Payload, Place, StorageFailed
from runner.store.blobs.blocks import BLOCK_BYTES, Blocks
from runner.store.blobs.frames import FRAME_HEAD_BYTES, PACK_HEAD, frame_head, frames_of
from runner.store.blobs.mark import check_mark, refusals
from runner.store.blobs.packs import new_pack_id, pack_name

if TYPE_CHECKING:
    from obstore import WritableFile
    from obstore.store import ObjectStore

PACK_MAX_BYTES = 8 * 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
PARTS_UNDER_WAY = 2
PARTS_MAX = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html, and the same at Google
AHEAD_BYTES = 4 * 1024 * 1024
"""Whoever reads a large blob in order asks for twice as much each time, up to this."""
DELETED_AT_ONCE = 1000

_BEYOND = re.compile("Range Not Satisfiable|range", re.IGNORECASE)


class BlobTooLarge(Invalid):
    """One piece of content has more bytes than an upload can have parts for."""


class RemoteBlobs:
    """Objects below one URL; several processes may use it at once. Its first use sees whose it is."""

    is_remote = True

    def __init__(self, url: str, connect: Callable[[], ObjectStore], store: str) -> None:
        """Ask nothing of anybody yet.

        Args:
            url: Names the place in errors.
            connect: Gives the client.
            store: Id of the store that has claimed the place.
        """
        self.url = url
        self.blocks = Blocks()
        self._connect = connect
        self._id = store
        self._lock = Lock()
        self._client: ObjectStore | None = None

    @property
    def client(self) -> ObjectStore:
        """The client, of a place that is ours; raises `BlobsTaken` and `StorageFailed`."""
        with self._lock:
            if self._client is None:
                with refusals(self.url):
                    client = self._connect()
                check_mark(client, self.url, self._id)
                self._client = client
            return self._client

    def append(self, payloads: Sequence[Payload]) -> Sequence[Place]:
        """As `Blobs.append`: each pack of at most 8 MiB is one object."""
        import obstore

        places: list[Place] = []
        client = self.client
        for group in _groups(payloads):
            pack = new_pack_id()
            pieces = [PACK_HEAD]
            end = len(PACK_HEAD)
            for digest, data in group:
                pieces += (frame_head(digest, len(data)), data)
                places.append(Place(pack=pack, offset=end + FRAME_HEAD_BYTES))
                end += FRAME_HEAD_BYTES + len(data)
            body = b"".join(pieces)
            with refusals(self.url):
                obstore.put(client, _path(Place(pack=pack)), body, use_multipart=False)
            self.blocks.keep(pack, 0, body)
        return places

    def create(self) -> RemoteDraft:
        """As `Blobs.create`."""
        return RemoteDraft(self)

    def open(self, place: Place) -> RemoteOpened:
        """As `Blobs.open`: asks nothing, so the first read tells what is missing."""
        return RemoteOpened(self, place)

    def clone(self, place: Place, fd: int) -> bool:
        """As `Blobs.clone`: nothing there is shared with a file of this machine."""
        del place, fd
        return False

    def packs(self) -> Iterator[tuple[int, int]]:
        """As `Blobs.packs`."""
        for name, size in self._listed("packs"):
            with suppress(ValueError):
                yield int(name.removesuffix(".pack"), 16), size

    def is_written(self, pack: int) -> bool:  # noqa: ARG002  # the protocol's
        """As `Blobs.is_written`: each is whole from the beginning."""
        return False

    def frames(self, pack: int) -> Iterator[Frame]:
        """As `Blobs.frames`: reads the pack anew, and whole."""
        import obstore

        path = _path(Place(pack=pack))
        with self._missing(path), refusals(self.url):
            data = bytes(obstore.get(self.client, path).bytes())
        self.blocks.forget(pack)
        self.blocks.keep(pack, 0, data)
        return frames_of(lambda first, size: data[first : first + size], len(data))

    def files(self) -> Iterator[tuple[str, int]]:
        """As `Blobs.files`."""
        return self._listed("files")

    def delete(self, *places: Place) -> None:
        """As `Blobs.delete`."""
        import obstore

        client = self.client
        for place in places:
            if place.pack is not None:
                self.blocks.forget(place.pack)
        for start in range(0, len(places), DELETED_AT_ONCE):
            paths = [_path(place) for place in places[start : start + DELETED_AT_ONCE]]
            with refusals(self.url):
                try:
                    obstore.delete(client, paths)
                except FileNotFoundError:  # of one, which keeps some stores from the others
                    for path in paths:
                        with suppress(FileNotFoundError):
                            obstore.delete(client, path)

    def close(self) -> None:
        """Nothing is held open."""

    def fetch(self, path: str, first: int, size: int) -> bytes:
        """Return the bytes ``[first, first + size)`` of an object, or fewer where it ends; *size* is not 0.

        Raises:
            BlobMissing, BlobDamaged, StorageFailed.
        """
        import obstore

        client = self.client
        with self._missing(path), refusals(self.url):
            try:
                return bytes(obstore.get_range(client, path, start=first, length=size))
            except FileNotFoundError:
                raise
            except Exception as exc:
                if _BEYOND.search(objectstores.sentence(exc)) and obstore.head(client, path)["size"] <= first:
                    raise self.cut_short(path) from exc
                raise

    def cut_short(self, path: str) -> BlobDamaged:
        """Return the error that tells of an object with fewer bytes than it should have."""
        return BlobDamaged(f"stored bytes are cut short: {self.url}/{path}", hint="runner store check tells more")

    def _listed(self, folder: str) -> Iterator[tuple[str, int]]:
        import obstore

        with refusals(self.url):
            for page in obstore.list(self.client, folder):
                yield from [(each["path"].rpartition("/")[2], each["size"]) for each in page]

    @contextmanager
    def _missing(self, path: str) -> Iterator[None]:
        """Tell an object that is gone from a store that is gone with all its objects."""
        try:
            yield
        except StorageFailed as exc:
            if not isinstance(exc.__cause__, FileNotFoundError):
                raise
            check_mark(self.client, self.url, self._id)
            hint = "runner store check tells the damage"
            raise BlobMissing(f"stored bytes are gone: {self.url}/{path}", hint=hint) from exc


class RemoteDraft:
    """An upload in parts of 8 MiB, some of which are under way; what is smaller is put at once, at its end."""

    def __init__(self, blobs: RemoteBlobs) -> None:
        self._blobs = blobs
        self._place = Place(name=secrets.token_hex(16))
        self._size = 0
        self._writer: WritableFile | None = None

    def write(self, data: bytes) -> None:
        """As `Draft.write`; holds three parts at most.

        Raises:
            BlobTooLarge, StorageFailed.
        """
        self._size += len(data)
        if self._size > PARTS_MAX * PART_BYTES:
            raise BlobTooLarge(
                f"{self._blobs.url} takes no piece of more than {PARTS_MAX * PART_BYTES:,} bytes",
                hint="write it over S3, in parts",
            )
        with refusals(self._blobs.url):
            self._open().write(data)

    def publish(self, digest: bytes) -> Place:  # noqa: ARG002  # the protocol's: it is not known when the object begins
        """As `Draft.publish`."""
        with refusals(self._blobs.url):
            self._open().close()
        self._writer = None
        return self._place

    def discard(self) -> None:
        """As `Draft.discard`; parts that cannot be removed now are for the store's own rules to remove."""
        writer, self._writer = self._writer, None
        if writer is not None:
            broken = InterruptedError()
            with suppress(StorageFailed), refusals(self._blobs.url):
                writer.__exit__(InterruptedError, broken, None)  # what aborts an upload; `close` completes it

    def _open(self) -> WritableFile:
        import obstore

        if self._writer is None:
            self._writer = obstore.open_writer(
                self._blobs.client, _path(self._place), buffer_size=PART_BYTES, max_concurrency=PARTS_UNDER_WAY
            )
        return self._writer


class RemoteOpened:
    """What was read last of an object of its own, or the blocks of a pack that all readers share."""

    def __init__(self, blobs: RemoteBlobs, place: Place) -> None:
        self._blobs = blobs
        self._place = place
        self._path = _path(place)
        self._start = 0
        self._window = b""

    def read_nowait(self, first: int, size: int) -> bytes | None:
        """As `Opened.read_nowait`: what is in memory already."""
        if not size:
            return b""
        piece = self._held(first, size)
        return piece if piece is not None and len(piece) == size else None

    def read(self, first: int, size: int) -> bytes:
        """As `Opened.read`."""
        if not size:
            return b""
        piece = self._held(first, size)
        if piece is None:
            piece = self._fetch(first, size)
        if len(piece) != size:
            raise self._blobs.cut_short(self._path)
        return piece

    def close(self) -> None:
        """As `Opened.close`."""
        self._window = b""

    def _held(self, first: int, size: int) -> bytes | None:
        if self._place.pack is not None:
            return self._blobs.blocks.read(self._place.pack, self._place.offset + first, size)
        at = first - self._start
        return self._window[at : at + size] if at >= 0 and at + size <= len(self._window) else None

    def _fetch(self, first: int, size: int) -> bytes:
        """Ask for the bytes, and for more that may be wanted next."""
        if self._place.pack is not None:
            first += self._place.offset
            at, end = first // BLOCK_BYTES * BLOCK_BYTES, -(-(first + size) // BLOCK_BYTES) * BLOCK_BYTES
            data = self._blobs.fetch(self._path, at, end - at)
            self._blobs.blocks.keep(self._place.pack, at, data)
            return data[first - at : first - at + size]
        is_next = self._window and first == self._start + len(self._window)
        ahead = min(2 * len(self._window), AHEAD_BYTES) if is_next else size
        self._window = self._blobs.fetch(self._path, first, max(size, ahead))
        self._start = first
        return self._window[:size]


def _path(place: Place) -> str:
    return f"files/{place.name}" if place.pack is None else f"packs/{pack_name(place.pack)}"


def _groups(payloads: Sequence[Payload]) -> Iterator[Sequence[Payload]]:
    """Divide payloads into what fits into a pack."""
    start = size = 0
    for number, payload in enumerate(payloads):
        if size + len(payload.data) > PACK_MAX_BYTES and number > start:
            yield payloads[start:number]
            start, size = number, 0
        size += len(payload.data)
    if payloads[start:]:
        yield payloads[start:]
