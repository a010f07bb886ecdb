"""Buckets: what all of them read, and a commit, which is only read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import NoReturn

from runner.model.entry import Entry
from runner.model.errors import NotFound
from runner.model.provenance import ReadKind
from runner.store.buckets.gate import Door
from runner.store.contents.content import Content
from runner.store.history import commits
from runner.store.jobs.reads import ReadLog
from runner.store.layers import tree
from runner.store.layers.entries import whole_entry_of
from runner.store.refusals import AccessDenied, NoSuchKey, NoSuchUpload, NoSuchVersion, NotOffered
from runner.store.store import Store
from runner.store.view import (
    DEFAULT_PAGE,
    NULL_VERSION,
    ObjectReader,
    ObjectVersion,
    Page,
    Upload,
    Versioning,
    VersionPage,
)


class StoredReader:
    """An object of a bucket, as it was when it was looked up."""

    def __init__(self, bucket: LayeredBucket, entry: Entry) -> None:
        self._bucket = bucket
        self._entry = entry

    @property
    def entry(self) -> Entry:
        """The object."""
        return self._entry

    async def read(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes ``[first, end)``; what was yielded counts as read, also when the reader stops early."""
        sent = 0
        try:
            pieces = self._bucket.store.objects.read(content_of(self._entry), first, end)
            async with aclosing(pieces), aclosing(self._bucket.door.gate.guarded(pieces)) as guarded:
                async for piece in guarded:
                    sent += len(piece)
                    yield piece
        finally:
            self.note_range(first, first + sent)

    def note_range(self, first: int, end: int) -> None:
        """Count these bytes as read."""
        self._bucket.door.traffic.bytes_read += end - first
        if self._bucket.log is not None:
            self._bucket.log.note_range(self._bucket.name, self._entry, first, end)


class LayeredBucket:
    """Reads of what a read set holds, counted and noted."""

    def __init__(
        self,
        store: Store,
        name: str,
        created: datetime,
        *,
        layers: tree.ReadSet,
        door: Door,
        log: ReadLog | None = None,
        owner: str = "",
    ) -> None:
        self.store = store
        self.door = door
        self.log = log
        self._name = name
        self._created = created
        self._layers = layers
        self._owner = owner

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self._name

    @property
    def created(self) -> datetime:
        """When it came to be."""
        return self._created

    @property
    def owner(self) -> str:
        """Name of the account that it belongs to; empty: none."""
        return self._owner

    async def head(self, key: bytes, version: str = "") -> Entry:
        """As `runner.store.view.Bucket.head`."""
        with self.door:
            return await self._look_up(key, version, ReadKind.HEAD)

    async def get(self, key: bytes, version: str = "") -> ObjectReader:
        """As `runner.store.view.Bucket.get`."""
        with self.door:
            entry = await self._look_up(key, version, ReadKind.GET)
            self.door.traffic.objects_read += 1
            return StoredReader(self, entry)

    async def list(self, prefix: bytes, delimiter: bytes, after: bytes, limit: int = DEFAULT_PAGE) -> Page:
        """As `runner.store.view.Bucket.list`."""
        with self.door:
            db = self.store.catalog.db
            page = await tree.list_page(db, self._read_set(), prefix, delimiter, after, limit=limit)
            if self.log is not None:
                self.log.note_list(self._name, prefix, delimiter, page.next_after)
                await self._spill()
            return page

    def _read_set(self) -> tree.ReadSet:
        """Return the layers that a read merges now."""
        return self._layers

    async def get_versioning(self) -> Versioning | None:
        """As `runner.store.view.Bucket.get_versioning`."""
        with self.door:
            return None

    async def set_versioning(self, state: Versioning) -> None:
        """As `runner.store.view.Bucket.set_versioning`."""
        with self.door:
            raise NotOffered(f"this bucket keeps no versions, so they cannot be {state.value.lower()}")

    async def get_document(self, name: str) -> bytes | None:
        """As `runner.store.view.Bucket.get_document`."""
        del name
        with self.door:
            return None

    async def put_document(self, name: str, body: bytes | None) -> None:
        """As `runner.store.view.Bucket.put_document`; there is nothing to remove."""
        with self.door:
            if body is not None:
                raise NotOffered(f"this bucket has no {name}")

    async def list_versions(
        self, prefix: bytes, delimiter: bytes, after_key: bytes, after_version: str, limit: int
    ) -> VersionPage:
        """As `runner.store.view.Bucket.list_versions`: the one that each object has."""
        del after_version  # there are no older ones
        page = await self.list(prefix, delimiter, after_key, limit)
        items = [_only_version(item) if isinstance(item, Entry) else item for item in page.items]
        return VersionPage(items, None if page.next_after is None else (page.next_after, ""))

    async def _look_up(self, key: bytes, version: str, op: ReadKind) -> Entry:
        if self.log is not None:
            await self._spill()
        try:
            entry = self._find(key, version)
        except NotFound:
            if self.log is not None:
                self.log.note_miss(self._name, key)
            raise
        if self.log is not None:
            self.log.note_object(self._name, entry, op)
        return entry

    def _find(self, key: bytes, version: str) -> Entry:
        """Return an object; raises as `runner.store.view.Bucket.head`."""
        db = self.store.catalog.db
        row = tree.find(db, self._read_set(), key)
        if version not in ("", NULL_VERSION):
            raise NoSuchVersion("there is no such version")
        if row is None:
            raise NoSuchKey("there is no such object")
        return whole_entry_of(db, row)

    async def _spill(self) -> None:
        if self.log is not None and self.log.is_full:
            await self.log.spill()


class CommitBucket(LayeredBucket):
    """A commit as a bucket: nothing in it can be changed."""

    @property
    def is_writable(self) -> bool:
        """No."""
        return False

    async def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Raise `AccessDenied`."""
        with self.door:
            raise AccessDenied("nothing in this bucket can be changed")

    async def _deny(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Raise `NoSuchUpload`: none was ever begun."""
        with self.door:
            raise NoSuchUpload("there is no such upload")

    set_versioning = put_document = put_tags = _refuse
    put = copy = delete = create_upload = put_part = copy_part = complete_upload = abort_upload = _refuse
    get_upload = list_parts = _deny

    async def list_uploads(self, *_args: object, **_kwargs: object) -> tuple[Sequence[Upload], bool]:
        """Return none."""
        with self.door:
            return (), False


def _only_version(entry: Entry) -> ObjectVersion:
    return ObjectVersion(entry.key, NULL_VERSION, entry.modified, is_latest=True, entry=entry, position=NULL_VERSION)


def commit_bucket(
    store: Store, name: str, commit: int, *, door: Door, log: ReadLog | None = None, owner: str = ""
) -> CommitBucket:
    """Return the commit of that number as a bucket."""
    db = store.catalog.db
    created = commits.inspect_number(db, commit).started
    return CommitBucket(store, name, created, layers=commits.read_set(db, commit), door=door, log=log, owner=owner)


def content_of(entry: Entry) -> Content:
    """Return the store's handle on the bytes of one of its own entries."""
    if not isinstance(entry.content, Content):
        raise TypeError("an entry of the store has content")
    return entry.content
