"""A bucket that is written: objects, copies, deletions and uploads, each judged where it becomes visible."""

from __future__ import annotations

import base64
from abc import abstractmethod
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
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
from runner.store.buckets.buckets import LayeredBucket, StoredReader, content_of
from runner.store.buckets.gate import Door
from runner.store.catalog.engine import Transaction
from runner.store.contents.content import Slice, Stored, concatenate, share
from runner.store.history import uploads
from runner.store.layers import staging, tree
from runner.store.layers.entries import tagged
from runner.store.layers.staging import Stack
from runner.store.refusals import NoSuchKey, NoSuchVersion
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.view import NULL_VERSION, CompletedPart, Deletion, ObjectReader, Upload
from runner.store.view import Content as Body


class WritableBucket(LayeredBucket):
    """Writes above what it reads. Where to, and whether still, says whoever makes a bucket of it.

    Args:
        store: Where.
        name: The bucket's.
        created: When it came to be.
        layers: What is read, where that never changes.
        place: Of its uploads, as `runner.store.history.uploads` names it.
        door: Of the view.
        owner: Name of the account that it belongs to; empty: none.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        created: datetime,
        *,
        layers: tree.ReadSet,
        place: str,
        door: Door,
        owner: str = "",
    ) -> None:
        super().__init__(store, name, created, layers=layers, door=door, owner=owner)
        self._place = place

    @property
    def is_writable(self) -> bool:
        """Yes."""
        return True

    @abstractmethod
    def _require_open(self, tx: Transaction) -> None:
        """Raise unless the bucket still takes writes."""

    @abstractmethod
    def _open(self, tx: Transaction) -> Stack:
        """Return the layer that takes an entry now, and what lies below it; raises as `_require_open`."""

    def _keep(self, tx: Transaction, stack: Stack, entry: Entry, part_list: int | None = None) -> Entry:
        """Write an entry, as the last step of what makes an object; return it as the bucket shows it."""
        staging.put(tx, stack.top, entry, part_list)
        return entry

    def _remove(self, tx: Transaction, key: bytes, condition: Condition, version: str) -> Deletion:
        """Remove an object; raises before anything of it is written."""
        if version in ("", NULL_VERSION):
            staging.delete(tx, self._open(tx), key, condition)
        return Deletion()

    def _tag(self, tx: Transaction, key: bytes, tags: Mapping[str, str], version: str) -> str:
        """Write an object again with other tags."""
        if version not in ("", NULL_VERSION):
            raise NoSuchVersion("there is no such version")
        stack = self._open(tx)
        row = tree.find(tx.db, stack.read_set, key)
        if row is None:
            raise NoSuchKey("there is no such object")
        staging.put_row(tx, stack.top, tagged(row, tags))
        return ""

    def _writing(self) -> AbstractContextManager[None]:
        """Surround one write."""
        return self.door

    async def put(
        self, key: bytes, content: Body, attributes: Attributes, condition: Condition = NO_CONDITION
    ) -> Entry:
        """As `runner.store.view.Bucket.put`."""

        def name(tx: Transaction, stored: Stored, md5: bytes) -> Entry:
            stack = self._open(tx)
            staging.judge(tx.db, stack.read_set, key, condition)
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
            return self._keep(tx, stack, entry)

        with self._writing():
            async with aclosing(self.door.gate.guarded(content)) as pieces:
                return self._written(await self.store.objects.put(pieces, name))

    async def copy(
        self, key: bytes, source: ObjectReader, attributes: Attributes, condition: Condition = NO_CONDITION
    ) -> Entry:
        """As `runner.store.view.Bucket.copy`."""
        before = source.entry

        def name(tx: Transaction) -> Entry:
            stack = self._open(tx)
            staging.judge(tx.db, stack.read_set, key, condition)
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
            return self._keep(tx, stack, entry, staging.keep_parts(tx, before.parts))

        with self._writing():
            entry = await self.store.writer.write(name)
            _note_range(source, 0, before.size)
            return self._written(entry)

    async def delete(self, key: bytes, condition: Condition = NO_CONDITION, version: str = "") -> Deletion:
        """As `runner.store.view.Bucket.delete`."""
        with self._writing():
            return await self.store.writer.write(lambda tx: self._remove(tx, key, condition, version), savepoint=False)

    async def put_tags(self, key: bytes, tags: Mapping[str, str], version: str = "") -> str:
        """As `runner.store.view.Bucket.put_tags`."""
        with self._writing():
            return await self.store.writer.write(lambda tx: self._tag(tx, key, tags, version))

    async def create_upload(
        self,
        key: bytes,
        attributes: Attributes,
        algorithm: ChecksumAlgorithm | None = None,
        checksum_type: ChecksumType = ChecksumType.COMPOSITE,
    ) -> Upload:
        """As `runner.store.view.Bucket.create_upload`."""

        def begin(tx: Transaction) -> Upload:
            self._require_open(tx)
            return uploads.create(tx, self._place, key, attributes, algorithm=algorithm, checksum_type=checksum_type)

        with self._writing():
            return await self.store.writer.write(begin)

    async def get_upload(self, key: bytes, upload_id: str) -> Upload:
        """As `runner.store.view.Bucket.get_upload`; finds completed ones too."""
        with self.door:
            return uploads.find(self.store.catalog.db, self._place, key, upload_id)

    async def put_part(self, upload: Upload, number: int, content: Body) -> Part:
        """As `runner.store.view.Bucket.put_part`."""

        def name(tx: Transaction, stored: Stored, md5: bytes) -> Part:
            self._require_open(tx)
            checksum = content.checksum
            value = checksum.value if checksum is not None and checksum.algorithm == upload.algorithm else None
            part = Part(number, stored.size, md5.hex(), value)
            return uploads.put_part(tx, self._place, upload, part, stored)

        with self._writing():
            async with aclosing(self.door.gate.guarded(content)) as pieces:
                return self._part_written(upload, await self.store.objects.put(pieces, name))

    async def copy_part(self, upload: Upload, number: int, source: ObjectReader, first: int, end: int) -> Part:
        """As `runner.store.view.Bucket.copy_part`."""
        with self._writing():
            whole = content_of(source.entry)
            pieces = self.store.objects.read(whole, first, end)
            async with aclosing(pieces), aclosing(self.door.gate.guarded(pieces)) as guarded:
                md5, checksum = await _digests(guarded, upload.algorithm)
            _note_range(source, first, end)

            def name(tx: Transaction) -> Part:
                self._require_open(tx)
                uploads.require_open(tx, self._place, upload)
                stored = concatenate(tx, [Slice(whole, first, end)])
                return uploads.put_part(tx, self._place, upload, Part(number, stored.size, md5, checksum), stored)

            return self._part_written(upload, await self.store.writer.write(name))

    async def list_parts(self, upload: Upload, after: int, limit: int) -> tuple[Sequence[Part], bool]:
        """As `runner.store.view.Bucket.list_parts`."""
        with self.door:
            return uploads.list_parts(self.store.catalog.db, self._place, upload, after, limit)

    async def list_uploads(
        self, prefix: bytes, after_key: bytes, after_id: str, limit: int
    ) -> tuple[Sequence[Upload], bool]:
        """As `runner.store.view.Bucket.list_uploads`."""
        with self.door:
            return uploads.list_uploads(self.store.catalog.db, self._place, prefix, (after_key, after_id), limit)

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[CompletedPart],
        condition: Condition = NO_CONDITION,
        checksum: Checksum | None = None,
    ) -> Entry:
        """As `runner.store.view.Bucket.complete_upload`."""

        def finish(tx: Transaction) -> Entry:
            self._require_open(tx)
            done = uploads.completed(tx, self._place, upload, parts)
            return done or uploads.complete(
                tx, self._open(tx), upload, parts, condition=condition, announced=checksum, keep=self._keep
            )

        with self._writing():
            entry = await self.store.writer.write(finish)
            self.door.traffic.objects_written += 1
            self._upload_ended(upload)
            return entry

    async def abort_upload(self, upload: Upload) -> None:
        """As `runner.store.view.Bucket.abort_upload`."""

        def forget(tx: Transaction) -> None:
            self._require_open(tx)
            uploads.abort(tx, self._place, upload)

        with self._writing():
            await self.store.writer.write(forget)
            self._upload_ended(upload)

    def _written(self, entry: Entry) -> Entry:
        self.door.traffic.objects_written += 1
        self.door.traffic.bytes_written += entry.size
        return entry

    def _part_written(self, upload: Upload, part: Part) -> Part:
        """Count a part of *upload* that is stored."""
        del upload
        self.door.traffic.bytes_written += part.size
        return part

    def _upload_ended(self, upload: Upload) -> None:
        """Learn that *upload* was completed or aborted."""


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
