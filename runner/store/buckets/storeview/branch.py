"""A branch as a bucket: its head, and above it what is staged and becomes a commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from runner.model.account import AccessLevel
from runner.model.entry import NO_CONDITION, Condition, Entry, Part
from runner.model.errors import NotFound
from runner.model.ids import CommitId, is_commit_id
from runner.store.buckets import versionlist
from runner.store.buckets.gate import Door
from runner.store.buckets.writable import WritableBucket
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import commits, documents, staged, uploads, versions
from runner.store.history.staged import BranchKey
from runner.store.history.versions import Version
from runner.store.layers import staging, tree
from runner.store.layers.entries import row_of, tagged, whole_entry_of
from runner.store.layers.staging import Stack
from runner.store.refusals import AccessDenied, KeyDeleted, NoSuchKey, NoSuchVersion, VersionIsMarker
from runner.store.store import Store
from runner.store.view import Deletion, Upload, Versioning, VersionPage
from runner.store.writing.bursts import Bursts


class BranchBucket(WritableBucket):
    """Reads what the branch holds at that moment; writes are staged.

    Args:
        store: Where.
        name: The bucket's.
        created: The branch.
        branch: Which.
        bursts: Of this process.
        pipeline: Name of the pipeline whose output branch it is, which alone commits to it; empty: of none.
        level: What the holder of the view may do with its repo.
        owner: Name of the account that the repo belongs to; empty: none.
        door: Of the view.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        created: datetime,
        *,
        branch: BranchKey,
        bursts: Bursts,
        pipeline: str,
        level: int,
        owner: str,
        door: Door,
    ) -> None:
        place = uploads.place_of_branch(*branch)
        super().__init__(store, name, created, layers=(), place=place, door=door, owner=owner)
        self._branch = branch
        self._bursts = bursts
        self._pipeline = pipeline
        self._level = level

    @property
    def is_writable(self) -> bool:
        """Whether its holder may write to it, and it is no pipeline's output branch."""
        return self._level >= AccessLevel.WRITE and not self._pipeline

    async def get_versioning(self) -> Versioning | None:
        """As `runner.store.view.Bucket.get_versioning`."""
        with self.door:
            return versions.state(self.store.catalog.db, self._branch)

    async def set_versioning(self, state: Versioning) -> None:
        """As `runner.store.view.Bucket.set_versioning`."""
        await self.put_document(documents.VERSIONING, state.encode())

    async def list_versions(
        self, prefix: bytes, delimiter: bytes, after_key: bytes, after_version: str, limit: int
    ) -> VersionPage:
        """As `runner.store.view.Bucket.list_versions`."""
        with self.door:
            return await versionlist.list_page(
                self.store.catalog.db,
                self._branch,
                self._read_set(),
                prefix=prefix,
                delimiter=delimiter,
                after=(after_key, after_version),
                limit=limit,
            )

    async def get_document(self, name: str) -> bytes | None:
        """As `runner.store.view.Bucket.get_document`."""
        with self.door:
            return documents.find(self.store.catalog.db, self._branch, name)

    async def put_document(self, name: str, body: bytes | None) -> None:
        """As `runner.store.view.Bucket.put_document`."""

        def write(tx: Transaction) -> None:
            self._require_open(tx)
            documents.put(tx, self._branch, name, body)

        with self.door:
            if self._level < AccessLevel.ADMIN:
                raise AccessDenied("Access Denied")
            await self.store.writer.write(write)

    def _find(self, key: bytes, version: str) -> Entry:
        db = self.store.catalog.db
        if is_commit_id(version):
            return self._find_in_commit(key, version)
        if versions.state(db, self._branch) is None:
            return super()._find(key, version)
        found = self._find_version(db, self._read_set(), key, version)
        return replace(whole_entry_of(db, found.row), version=found.id)

    def _find_version(self, db: Connection, layers: tree.ReadSet, key: bytes, version: str) -> Version:
        """Return the version of that id, or the newest; raises when it is not there or a delete marker."""
        row = tree.find(db, layers, key)
        if version:
            found = versions.find(db, self._branch, key, version, row)
        else:
            found = versions.newest(db, self._branch, key, row)
        if found is None:
            raise NoSuchVersion("there is no such version") if version else NoSuchKey("there is no such object")
        if found.is_marker:
            raise VersionIsMarker(found.id, found.modified) if version else KeyDeleted(found.id)
        return found

    def _find_in_commit(self, key: bytes, commit: str) -> Entry:
        """Return what a commit of the repo holds, whatever versions the bucket keeps."""
        catalog = self.store.catalog
        try:
            number = commits.require_id(catalog.db, self._branch.repo, CommitId(commit))
        except NotFound as exc:
            raise NoSuchVersion("there is no such version") from exc
        row = tree.find(catalog.db, commits.read_set(catalog.db, number), key)
        if row is None:
            raise NoSuchVersion("that commit holds no such object")
        return replace(whole_entry_of(catalog.db, row), version=commit)

    def _keep(self, tx: Transaction, stack: Stack, entry: Entry, part_list: int | None = None) -> Entry:
        added = versions.add(tx, self._branch, stack.read_set, entry.key, row_of(entry, part_list))
        shown = super()._keep(tx, stack, entry, part_list)
        return shown if added is None else replace(shown, version=added.id)

    def _remove(self, tx: Transaction, key: bytes, condition: Condition, version: str) -> Deletion:
        if versions.state(tx.db, self._branch) is None:
            return super()._remove(tx, key, condition, version)
        if version:
            return self._remove_version(tx, key, condition, version)
        stack = self._open(tx)
        current = tree.find(tx.db, stack.read_set, key)
        if condition != NO_CONDITION:
            top = versions.newest(tx.db, self._branch, key, current)
            if top is None:
                return Deletion()
            staging.judge_row(top.row, condition)
        marker = versions.add(tx, self._branch, stack.read_set, key, None)
        if current is not None:
            staging.delete(tx, stack, key)
        return Deletion(marker.id, is_marker=True) if marker else Deletion()

    def _tag(self, tx: Transaction, key: bytes, tags: Mapping[str, str], version: str) -> str:
        if versions.state(tx.db, self._branch) is None:
            return super()._tag(tx, key, tags, version)
        stack = self._open(tx)
        found = self._find_version(tx.db, stack.read_set, key, version)
        row = tagged(found.row, tags)
        if versions.settle(tx, self._branch, key, tree.find(tx.db, stack.read_set, key)) == found:
            staging.put_row(tx, stack.top, row)
        versions.replace(tx, self._branch, found, row)
        return found.id

    def _remove_version(self, tx: Transaction, key: bytes, condition: Condition, version: str) -> Deletion:
        """Remove a version for good; what is then the newest is what the branch holds."""
        if is_commit_id(version):
            raise AccessDenied("Nothing of a commit can be removed.")
        current = tree.find(tx.db, staged.read_set(tx.db, self._branch), key)
        found = versions.find(tx.db, self._branch, key, version, current)
        if found is None:
            return Deletion(version)
        staging.judge_row(found.row, condition)
        is_newest = found == versions.newest(tx.db, self._branch, key, current)
        stack = self._open(tx) if is_newest else None
        versions.settle(tx, self._branch, key, current)
        left = versions.remove(tx, self._branch, found)
        if stack is not None and left is not None and not left.is_marker:
            staging.put_row(tx, stack.top, left.row)
        elif stack is not None and current is not None:
            staging.delete(tx, stack, key)
        return Deletion(found.id, is_marker=found.is_marker)

    def _read_set(self) -> tree.ReadSet:
        return staged.read_set(self.store.catalog.db, self._branch)

    def _require_open(self, tx: Transaction) -> None:
        staged.require_branch(tx, self._branch)

    def _open(self, tx: Transaction) -> Stack:
        return staged.open_stack(tx, self._branch, self._bursts.owner)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.door:
            if self._level < AccessLevel.WRITE:
                raise AccessDenied("Access Denied")
            if self._pipeline:
                raise AccessDenied(f"The pipeline {self._pipeline} writes this branch, and nobody else.")
            with self._bursts.writing(self._branch):
                yield

    def _part_written(self, upload: Upload, part: Part) -> Part:
        self._bursts.note_part(self._branch, upload.id)
        return super()._part_written(upload, part)

    def _upload_ended(self, upload: Upload) -> None:
        self._bursts.note_upload_ended(self._branch, upload.id)
