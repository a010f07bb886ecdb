"""Bytes in, verified and durable; bytes out, by range.

Knows no keys and no layers: whoever puts names the object in a function of its own, which runs in the transaction
that makes the bytes known. Bytes that a refused or broken write leaves behind are garbage without a reference,
never the other way round.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing, suppress
from threading import Lock
from typing import TypeVar

import trio

from runner.host import digests
from runner.store.blobs import PACK_BLOB_MAX_BYTES, BlobDamaged, Blobs, Draft, Payload, Place, see_in_time
from runner.store.catalog.engine import Catalog, Transaction
from runner.store.contents.content import BlobSwept, Content, Extent, Stored, extents_of, is_known, refer_to_blob
from runner.store.writer import Writer

PIECE_BYTES = 512 * 1024
"""The most that a reader holds."""
BATCH_BYTES = 256 * 1024
"""How much of a large object goes to a worker thread at once."""
DISCARD_SECONDS = 5
THREADS = 40
"""For bytes alone: where they wait long, for a disk or a network, the catalog's writer does not."""

T = TypeVar("T")

Name = Callable[[Transaction, Stored, bytes], T]
"""Refers to stored bytes in a transaction: gets it, the content, and the MD5 of the bytes."""


class Objects:
    """Where the bytes of objects go in and out: a catalog, its writer and a backend for bytes."""

    def __init__(self, catalog: Catalog, writer: Writer, blobs: Blobs) -> None:
        self._catalog = catalog
        self._writer = writer
        self._blobs = blobs
        self._threads = trio.CapacityLimiter(THREADS)

    async def put(self, pieces: AsyncIterable[bytes], name: Name[T]) -> T:
        """Store all of *pieces* once and let *name* refer to them, in one transaction.

        Bytes that are known are not stored again. Some MiB are held at most, however many come.

        Args:
            pieces: Of any size; iterated once. What it raises, also at its end, leaves nothing named.
            name: Called in the writer's thread. It raises before it writes, or not at all; what was stored then
                stays without a reference.

        Returns:
            What *name* returns, once that is durable.

        Raises:
            StoreFull, StorageFailed, StoreUnavailable: Nothing was named.
            Whatever *pieces* or *name* raise.

        Cancellation: nothing was named, or all of it. A draft is removed, shielded, for 5 s at most.
        """
        intake = _Intake(self._blobs)
        try:
            await self._take_in(pieces, intake)
            if intake.is_small:
                payload, md5 = intake.take_small()
                return await self._name_small(payload, md5, name)
            await self._write(intake)
            return await self._name_large(intake, name)
        finally:
            if intake.has_draft:
                with trio.move_on_after(DISCARD_SECONDS, shield=True):
                    await trio.to_thread.run_sync(intake.discard, abandon_on_cancel=True)

    async def read(self, content: Content, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes ``[first, end)`` of *content* in pieces of at most 512 KiB.

        Holds one piece and one file descriptor. A blob that is read whole is compared with its digest before
        its last piece is yielded; so is a small one of which a part is read, but not a large one.

        Raises:
            BlobMissing, BlobDamaged, ContentLost: (Corrupt) The bytes are not there or not those that were stored.
            StorageFailed: They cannot be read.
        """
        for extent in extents_of(self._catalog.db, content, first, end):
            opened = self._blobs.open(extent.place)
            is_small = extent.blob_size <= PACK_BLOB_MAX_BYTES
            at, stop = (0, extent.blob_size) if is_small else (extent.first, extent.first + extent.size)
            whole = digests.new("BLAKE3") if stop - at == extent.blob_size else None
            try:
                while at < stop:
                    size = min(PIECE_BYTES, stop - at)
                    piece = opened.read_nowait(at, size)
                    if piece is None:
                        piece = await trio.to_thread.run_sync(
                            opened.read, at, size, limiter=self._threads, abandon_on_cancel=self._blobs.is_remote
                        )
                    at += size
                    if whole is not None:
                        whole.update(piece)
                        if at == stop:
                            _compare(whole, extent)
                    yield piece[extent.first : extent.first + extent.size] if is_small else piece
            finally:
                opened.close()

    async def clone(self, content: Content, size: int, fd: int) -> bool:
        """Let an empty file share the bytes of *content*, which are *size*, until somebody writes to it.

        Returns:
            False: They are no file of their own, or its file system cannot share; nothing was written.

        Raises:
            BlobMissing, ContentLost: (Corrupt)
        """
        extents = extents_of(self._catalog.db, content, 0, size)
        if len(extents) != 1 or extents[0].size != extents[0].blob_size or extents[0].place.name is None:
            return False
        return await trio.to_thread.run_sync(self._blobs.clone, extents[0].place, fd)

    async def md5(self, content: Content, first: int, end: int) -> bytes:
        """Return the MD5 of the bytes ``[first, end)`` of *content*; raises as `read`."""
        digest = digests.new("MD5")
        async with aclosing(self.read(content, first, end)) as pieces:
            async for piece in pieces:
                await trio.to_thread.run_sync(digest.update, piece)
        return digest.digest()

    async def _take_in(self, pieces: AsyncIterable[bytes], intake: _Intake) -> None:
        iterator = aiter(pieces)
        try:
            async for piece in iterator:
                intake.add(piece)
                if intake.is_batch:
                    await self._write(intake)
        finally:
            if isinstance(iterator, AsyncGenerator):  # it does not learn otherwise that nobody asks for more
                await iterator.aclose()

    async def _write(self, intake: _Intake) -> None:
        intake.has_draft = True  # also when we leave before the thread has made it
        await trio.to_thread.run_sync(intake.write, limiter=self._threads, abandon_on_cancel=self._blobs.is_remote)

    async def _name_small(self, payload: Payload, md5: bytes, name: Name[T]) -> T:
        digest, size = payload.digest, len(payload.data)

        def refer(tx: Transaction, place: Place | None = None) -> T:
            return name(tx, refer_to_blob(tx, digest, size, place), md5)

        if is_known(self._catalog.db, digest):
            with suppress(BlobSwept):
                return await self._writer.write(refer, savepoint=False)
        return await self._writer.write_payload(payload, refer)

    async def _name_large(self, intake: _Intake, name: Name[T]) -> T:
        digest, md5, size = intake.digest, intake.md5, intake.size
        stored_us = time.time_ns() // 1000

        def refer(tx: Transaction, place: Place | None = None) -> tuple[T, bool]:
            if place is not None:
                see_in_time(stored_us, tx.now_us)
            is_surplus = place is not None and is_known(tx.db, digest)
            return name(tx, refer_to_blob(tx, digest, size, place), md5), is_surplus

        if is_known(self._catalog.db, digest):
            with suppress(BlobSwept):
                return (await self._writer.write(refer, savepoint=False))[0]
        place = await trio.to_thread.run_sync(
            intake.publish, limiter=self._threads, abandon_on_cancel=self._blobs.is_remote
        )
        if not self._blobs.is_remote:
            stored_us = time.time_ns() // 1000  # a sync may take long, and only then is there a name to collect
        result, is_surplus = await self._writer.write(lambda tx: refer(tx, place), savepoint=False)
        if is_surplus:  # another writer stored the same bytes meanwhile
            await trio.to_thread.run_sync(self._blobs.delete, place)
        return result


class _Intake:
    """What came in so far: its digests, the last pieces, and a draft once there is much of it.

    A thread may still wait for a network when whoever sent it has been cancelled: `discard` then comes after it.
    """

    def __init__(self, blobs: Blobs) -> None:
        self.size = 0
        self.has_draft = False
        self._lock = Lock()
        self._is_over = False
        self._blobs = blobs
        self._draft: Draft | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._blake3 = digests.new("BLAKE3")
        self._md5 = digests.new("MD5")

    @property
    def is_batch(self) -> bool:
        return self._held >= BATCH_BYTES

    @property
    def is_small(self) -> bool:
        return not self.has_draft and self._held <= PACK_BLOB_MAX_BYTES

    @property
    def digest(self) -> bytes:
        return self._blake3.digest()

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)

    def take_small(self) -> tuple[Payload, bytes]:
        """Return the bytes themselves and their MD5; they are few, so they are hashed at once."""
        data = self._take()
        return Payload(self.digest, data), self.md5

    def write(self) -> None:
        """Hash what is held and move it to the draft; in a worker thread."""
        with self._lock:
            if self._is_over:
                return
            if self._draft is None:
                self._draft = self._blobs.create()
            self._draft.write(self._take())

    def publish(self) -> Place:
        with self._lock:
            assert self._draft is not None  # noqa: S101  # only what is large is published
            return self._draft.publish(self.digest)

    def discard(self) -> None:
        with self._lock:
            self._is_over = True
            draft, self._draft = self._draft, None
            if draft is not None:
                draft.discard()

    def _take(self) -> bytes:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self.size += len(data)
        self._blake3.update(data)
        self._md5.update(data)
        return data


def _compare(whole: digests.Digest, extent: Extent) -> None:
    if whole.digest() != extent.digest:
        raise BlobDamaged(
            f"stored bytes do not match their digest: {extent.place}", hint="runner store check tells the damage"
        )
