"""`out` as a bucket: what an attempt writes, above what earlier attempts left."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, Sequence
from contextlib import aclosing
from datetime import datetime

import trio

from runner.host import digests
from runner.model.entry import (
    NO_CONDITION,
    Attributes,
    Checksum,
    ChecksumAlgorithm,
    ChecksumType,
    Condition,
    Entry,
    Part,
)
from runner.model.pipeline import OUTPUT_BUCKET
from runner.model.provenance import ReadKind
from runner.store import staging, uploads
from runner.store.buckets import LayeredBucket, StoredReader, content_of
from runner.store.catalog.engine import Transaction
from runner.store.content import Slice, Stored, concatenate, share
from runner.store.gate import Door
from runner.store.staging import Stack
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.view import DEFAULT_PAGE, CompletedPart, NoSuchKey, ObjectReader, Page, Upload
from runner.store.view import Content as Body


class OutBucket(LayeredBucket):
    """An open layer above a stack. Every write is judged by the transaction that makes it visible."""

    def __init__(self, store: Store, stack: Stack, created: datetime, *, door: Door, readable: bool = True) -> None:
        super().__init__(store, OUTPUT_BUCKET, created, layers=stack.read_set, door=door, log=None)
        self._stack = stack
        self._readable = readable

    @property
    def is_writable(self) -> bool:
        """Yes."""
        return True

    async def list(self, prefix: bytes, delimiter: bytes, after: bytes, limit: int = DEFAULT_PAGE) -> Page:
        """As `runner.store.view.Bucket.list`; a bucket that is only written lists nothing."""
        return await super().list(prefix, delimiter, after, limit if self._readable else 0)

    async def put(
        self, key: bytes, content: Body, attributes: Attributes, condition: Condition = NO_CONDITION
    ) -> Entry:
        """As `runner.store.view.Bucket.put`."""

        def name(tx: Transaction, stored: Stored, md5: bytes) -> Entry:
            staging.require_open(tx, self._stack.top)
            staging.judge(tx.db, self._stack.read_set, key, condition)
            entry = Entry(
                key,
                stored.size,
                md5.hex(),
                stored.digest,
                from_us(tx.now_us),
                attributes,
                content.checksum,
                content=stored.content,
            )
            staging.put(tx, self._stack.top, entry)
            return entry

        with self.door:
            async with aclosing(self.door.gate.guarded(content)) as pieces:
                return self._written(await self.store.objects.put(pieces, name))

    async def copy(
        self, key: bytes, source: ObjectReader, attributes: Attributes, condition: Condition = NO_CONDITION
    ) -> Entry:
        """As `runner.store.view.Bucket.copy`."""
        before = source.entry

        def name(tx: Transaction) -> Entry:
            staging.require_open(tx, self._stack.top)
            staging.judge(tx.db, self._stack.read_set, key, condition)
            share(tx, content_of(before))
            entry = Entry(
                key,
                before.size,
                before.etag,
                before.digest,
                from_us(tx.now_us),
                attributes,
                before.checksum,
                before.parts,
                before.content,
            )
            staging.put(tx, self._stack.top, entry, staging.keep_parts(tx, before.parts))
            return entry

        with self.door:
            entry = await self.store.writer.write(name)
            _note_range(source, 0, before.size)
            return self._written(entry)

    async def delete(self, key: bytes) -> None:
        """As `runner.store.view.Bucket.delete`."""

        def remove(tx: Transaction) -> None:
            staging.require_open(tx, self._stack.top)
            staging.delete(tx, self._stack, key)

        with self.door:
            await self.store.writer.write(remove, savepoint=False)

    async def create_upload(
        self,
        key: bytes,
        attributes: Attributes,
        algorithm: ChecksumAlgorithm | None = None,
        checksum_type: ChecksumType = ChecksumType.COMPOSITE,
    ) -> Upload:
        """As `runner.store.view.Bucket.create_upload`."""
        with self.door:
            return await self.store.writer.write(
                lambda tx: uploads.create(
                    tx, self._stack.top, key, attributes, algorithm=algorithm, checksum_type=checksum_type
                )
            )

    async def get_upload(self, key: bytes, upload_id: str) -> Upload:
        """As `runner.store.view.Bucket.get_upload`; finds completed ones too, until the view ends."""
        with self.door:
            return uploads.find(self.store.catalog.sql, self._stack.top, key, upload_id)

    async def put_part(self, upload: Upload, number: int, content: Body) -> Part:
        """As `runner.store.view.Bucket.put_part`."""

        def name(tx: Transaction, stored: Stored, md5: bytes) -> Part:
            checksum = content.checksum
            value = checksum.value if checksum is not None and checksum.algorithm == upload.algorithm else None
            part = Part(number, stored.size, md5.hex(), value)
            return uploads.put_part(tx, self._stack.top, upload, part, stored)

        with self.door:
            async with aclosing(self.door.gate.guarded(content)) as pieces:
                part = await self.store.objects.put(pieces, name)
            self.door.traffic.bytes_written += part.size
            return part

    async def copy_part(self, upload: Upload, number: int, source: ObjectReader, first: int, end: int) -> Part:
        """As `runner.store.view.Bucket.copy_part`."""
        with self.door:
            whole = content_of(source.entry)
            pieces = self.store.objects.read(whole, first, end)
            async with aclosing(pieces), aclosing(self.door.gate.guarded(pieces)) as guarded:
                md5, checksum = await _digests(guarded, upload.algorithm)
            _note_range(source, first, end)

            def name(tx: Transaction) -> Part:
                uploads.require_open(tx, self._stack.top, upload)
                stored = concatenate(tx, [Slice(whole, first, end)])
                return uploads.put_part(tx, self._stack.top, upload, Part(number, stored.size, md5, checksum), stored)

            part = await self.store.writer.write(name)
            self.door.traffic.bytes_written += part.size
            return part

    async def list_parts(self, upload: Upload, after: int, limit: int) -> tuple[Sequence[Part], bool]:
        """As `runner.store.view.Bucket.list_parts`."""
        with self.door:
            return uploads.list_parts(self.store.catalog.sql, self._stack.top, upload, after, limit)

    async def list_uploads(
        self, prefix: bytes, after_key: bytes, after_id: str, limit: int
    ) -> tuple[Sequence[Upload], bool]:
        """As `runner.store.view.Bucket.list_uploads`."""
        with self.door:
            after = (after_key, after_id)
            return uploads.list_uploads(self.store.catalog.sql, self._stack.top, prefix, after, limit)

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[CompletedPart],
        condition: Condition = NO_CONDITION,
        checksum: Checksum | None = None,
    ) -> Entry:
        """As `runner.store.view.Bucket.complete_upload`."""
        with self.door:
            entry = await self.store.writer.write(
                lambda tx: uploads.complete(tx, self._stack, upload, parts, condition=condition, announced=checksum)
            )
            self.door.traffic.objects_written += 1
            return entry

    async def abort_upload(self, upload: Upload) -> None:
        """As `runner.store.view.Bucket.abort_upload`."""
        with self.door:
            await self.store.writer.write(lambda tx: uploads.abort(tx, self._stack.top, upload))

    async def _look_up(self, key: bytes, op: ReadKind) -> Entry:
        if not self._readable:
            raise NoSuchKey("there is no such object")
        return await super()._look_up(key, op)

    def _written(self, entry: Entry) -> Entry:
        self.door.traffic.objects_written += 1
        self.door.traffic.bytes_written += entry.size
        return entry


def _note_range(source: ObjectReader, first: int, end: int) -> None:
    if isinstance(source, StoredReader):
        source.note_range(first, end)


async def _digests(pieces: AsyncIterable[bytes], algorithm: ChecksumAlgorithm | None) -> tuple[str, str | None]:
    """Return the hex MD5 of all *pieces*, and their checksum in base64."""
    md5 = digests.new("MD5")
    checksum = None if algorithm is None else digests.new(algorithm)
    async for piece in pieces:
        for digest in (md5, checksum):
            if digest is not None:
                await trio.to_thread.run_sync(digest.update, piece)
    return md5.digest().hex(), None if checksum is None else base64.b64encode(checksum.digest()).decode()
