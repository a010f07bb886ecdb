"""A branch as a bucket: its head, and above it what is staged and becomes a commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from runner.model.entry import Part
from runner.store import staged, tree, uploads
from runner.store.bursts import Bursts
from runner.store.catalog.engine import Transaction
from runner.store.gate import Door
from runner.store.staged import BranchKey
from runner.store.staging import Stack
from runner.store.store import Store
from runner.store.view import AccessDenied, Upload
from runner.store.writable import WritableBucket


class BranchBucket(WritableBucket):
    """Reads what the branch holds at that moment; writes are staged.

    Args:
        store: Where.
        name: The bucket's.
        created: The branch.
        branch: Which.
        bursts: Of this process.
        pipeline: Name of the pipeline whose output branch it is, which alone commits to it; empty: of none.
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
        door: Door,
    ) -> None:
        super().__init__(store, name, created, layers=(), place=uploads.place_of_branch(*branch), door=door)
        self._branch = branch
        self._bursts = bursts
        self._pipeline = pipeline

    @property
    def is_writable(self) -> bool:
        """Whether it is no pipeline's output branch."""
        return not self._pipeline

    def _read_set(self) -> tree.ReadSet:
        return staged.read_set(self.store.catalog.db, self._branch)

    def _require_open(self, tx: Transaction) -> None:
        staged.require_branch(tx, self._branch)

    def _open(self, tx: Transaction) -> Stack:
        return staged.open_stack(tx, self._branch, self._bursts.owner)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.door:
            if self._pipeline:
                raise AccessDenied(f"The pipeline {self._pipeline} writes this branch, and nobody else.")
            with self._bursts.writing(self._branch):
                yield

    def _part_written(self, upload: Upload, part: Part) -> Part:
        self._bursts.note_part(self._branch, upload.id)
        return super()._part_written(upload, part)

    def _upload_ended(self, upload: Upload) -> None:
        self._bursts.note_upload_ended(self._branch, upload.id)
