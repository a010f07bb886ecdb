"""`out` as a bucket: what an attempt writes, above what earlier attempts left."""

from __future__ import annotations

from datetime import datetime

from runner.model.entry import Entry
from runner.model.pipeline import OUTPUT_BUCKET
from runner.store.buckets.gate import Door
from runner.store.buckets.writable import WritableBucket
from runner.store.catalog.engine import Transaction
from runner.store.history import uploads
from runner.store.layers import staging
from runner.store.layers.staging import Stack
from runner.store.refusals import NoSuchKey
from runner.store.store import Store
from runner.store.view import DEFAULT_PAGE, Page


class OutBucket(WritableBucket):
    """An open layer above a stack, until the attempt ends."""

    def __init__(self, store: Store, stack: Stack, created: datetime, *, door: Door, readable: bool = True) -> None:
        place = uploads.place_of_layer(stack.top)
        super().__init__(store, OUTPUT_BUCKET, created, layers=stack.read_set, place=place, door=door)
        self._stack = stack
        self._readable = readable

    async def list(self, prefix: bytes, delimiter: bytes, after: bytes, limit: int = DEFAULT_PAGE) -> Page:
        """As `runner.store.view.Bucket.list`; a bucket that is only written lists nothing."""
        return await super().list(prefix, delimiter, after, limit if self._readable else 0)

    def _require_open(self, tx: Transaction) -> None:
        staging.require_open(tx, self._stack.top)

    def _open(self, tx: Transaction) -> Stack:
        self._require_open(tx)
        return self._stack

    def _find(self, key: bytes, version: str) -> Entry:
        if not self._readable:
            raise NoSuchKey("there is no such object")
        return super()._find(key, version)
