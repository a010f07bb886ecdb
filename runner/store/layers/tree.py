"""What a stack of layers holds: look one key up, list a page, walk everything.

A *read set* is a sequence of layers, newest first; of a key the newest row counts, and a tombstone hides what lies
below. Keys are bytes and compare as bytes. Work is proportional to what is returned, not to what is passed over:
one buffered cursor per layer in a heap, each sought again only when it lies before the target of a jump.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from functools import cache

import trio

from runner.model.entry import Entry
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Connection
from runner.store.layers.entries import READ, Row, checked, content_attributes, entry_of
from runner.store.layers.skips import Skips, find_rows
from runner.store.view import Page

ReadSet = Sequence[int]

SEEKS_PER_TURN = 200
"""After so many look-ups the loop is handed back; one costs some 6 us."""
STEPS_PER_PAGE = 20_000
"""A page ends, shorter than asked for, after so many rows: also among nothing but tombstones."""
_ROWS_PER_SEEK = 4
"""Walking over so many rows costs as much as a look-up."""
_FETCH, _FETCH_REMOTE = (1, 256), (16, 1024)
"""Rows that are fetched after a jump, and at most: as many as cost what the statement by itself does."""
_WALK_STEPS = 256

_SEEK = f"SELECT {READ} FROM entry WHERE layer = ? AND key >= ? ORDER BY key LIMIT ?"  # noqa: S608  # constants
_SEEK_BELOW = f"SELECT {READ} FROM entry WHERE layer = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608  # constants


def successor(key: bytes) -> bytes:
    """Return the smallest key above *key*."""
    return key + b"\x00"


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the smallest key above all keys that begin with *prefix*; None: there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None


def common_prefix(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """Return what *key* is rolled up into: up to the first *delimiter* after *prefix*; None: it stands alone."""
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else key[: at + len(delimiter)]


@cache
def _point(layers: int) -> str:
    """Return the look-up over so many layers: one text for each number of them, so that it stays prepared."""
    values = ", ".join(f"({rank}, ?)" for rank in range(layers))
    return (  # constants and counted marks
        f"WITH candidate(rank, id) AS (VALUES {values}) SELECT {READ} FROM candidate "  # noqa: S608
        "CROSS JOIN entry WHERE layer = id AND key = ? ORDER BY rank LIMIT 1"
    )


def find(db: Connection, layers: ReadSet, key: bytes) -> Row | None:
    """Look *key* up; None when it is absent or deleted. Raises `RowDamaged`."""
    if not layers:
        return None
    found = db.execute(_point(len(layers)), (*layers, key)).fetchone()
    row = None if found is None else checked(found)
    return None if row is None or row.kind == EntryKind.TOMBSTONE else row


def find_each(db: Connection, layers: ReadSet, keys: Sequence[bytes]) -> Sequence[Row | None]:
    """Look keys up, some hundreds at a time: the rows in the order of *keys*, as `find` returns each."""
    if not (db.is_remote and layers and keys):
        return [find(db, layers, key) for key in keys]
    rows = {row.key: row for row in find_rows(db, layers, keys) if row.kind != EntryKind.TOMBSTONE}
    return [rows.get(key) for key in keys]


class Merge:
    """A position in the merged layers. Holds no cursor of the database, so it may be kept across an await.

    It raises `RowDamaged` when it comes to a row that is not what was written.
    """

    def __init__(self, db: Connection, layers: ReadSet, start: bytes, end: bytes | None) -> None:
        self._heap: list[tuple[bytes, int, _Cursor]] = []
        self._passed: bytes | None = None
        self.seeks = 0
        for rank, layer in enumerate(layers):
            self._place(_Cursor(db, layer, end), rank, start)

    def jump(self, start: bytes) -> None:
        """Go on at the first key that is not below *start*, which lies beyond the last key that was returned."""
        self._passed = None
        while self._heap and self._heap[0][0] < start:
            _, rank, cursor = heapq.heappop(self._heap)
            self._place(cursor, rank, start)

    def step(self) -> Row | None:
        """Return the newest row of the next key, tombstones too; None: the end."""
        while self._heap and self._heap[0][0] == self._passed:  # only now, since a jump may have come instead
            _, rank, cursor = self._heap[0]
            if cursor.advance():
                heapq.heapreplace(self._heap, (cursor.row.key, rank, cursor))
            else:
                heapq.heappop(self._heap)
        if not self._heap:
            return None
        self._passed, _, cursor = self._heap[0]
        return cursor.row

    def _place(self, cursor: _Cursor, rank: int, start: bytes) -> None:
        self.seeks += 1
        if cursor.seek(start):
            heapq.heappush(self._heap, (cursor.row.key, rank, cursor))


class _Cursor:
    """One layer: fetches few rows after a jump, then four times more each time."""

    __slots__ = ("_buffer", "_db", "_end", "_layer", "_least", "_most", "_size", "row")

    row: Row

    def __init__(self, db: Connection, layer: int, end: bytes | None) -> None:
        self._db = db
        self._layer = layer
        self._end = end
        self._least, self._most = _FETCH_REMOTE if db.is_remote else _FETCH
        self._size = self._least
        self._buffer: Iterator[Row] = iter(())

    def seek(self, start: bytes) -> bool:
        for row in self._buffer:
            if row.key >= start:
                self.row = row
                return True
        self._size = self._least
        return self._fetch(start)

    def advance(self) -> bool:
        row = next(self._buffer, None)
        if row is None:
            self._size = min(self._size * 4, self._most)
            return self._fetch(successor(self.row.key))
        self.row = row
        return True

    def _fetch(self, start: bytes) -> bool:
        if self._end is None:
            rows = self._db.execute(_SEEK, (self._layer, start, self._size)).fetchall()
        else:
            rows = self._db.execute(_SEEK_BELOW, (self._layer, start, self._end, self._size)).fetchall()
        self._buffer = map(checked, rows)
        row = next(self._buffer, None)
        if row is None:
            return False
        self.row = row
        return True


def find_all(db: Connection, layers: ReadSet, keys: Sequence[bytes]) -> Iterator[Row]:
    """Yield the rows of *keys*, which are in order, that are there; those of neighbours are walked over, not sought."""
    merge = Merge(db, layers, keys[0] if keys else b"", None)
    row = merge.step()
    for key in keys:
        if row is not None and row.key < key:
            row = merge.step()
            if row is not None and row.key < key:
                merge.jump(key)
                row = merge.step()
        if row is not None and row.key == key and row.kind != EntryKind.TOMBSTONE:
            yield row


async def list_page(
    db: Connection, layers: ReadSet, prefix: bytes, delimiter: bytes, after: bytes, *, limit: int
) -> Page:
    """List a page, as `runner.store.view.Bucket.list` promises; hands the loop back now and then."""
    if limit <= 0:
        return Page((), None)
    start, end = start_of(prefix, delimiter, after), prefix_end(prefix)
    merge = (
        Skips(db, layers, prefix, delimiter, start=start, end=end)
        if db.is_remote and delimiter
        else Merge(db, layers, start, end)
    )
    items: list[Entry | bytes] = []
    last = after
    turn = steps = 0
    while (row := merge.step()) is not None:
        steps += 1
        if (effort := merge.seeks + steps // _ROWS_PER_SEEK) - turn > SEEKS_PER_TURN:
            turn = effort
            await trio.lowlevel.checkpoint()
        rolled = common_prefix(row.key, prefix, delimiter)
        if row.kind != EntryKind.TOMBSTONE:
            if len(items) == limit:
                return Page(items, last)
            items.append(entry_of(row) if rolled is None else rolled)
            last = row.key if rolled is None else rolled
            if rolled is not None:
                merge.jump(beyond(rolled))
        elif steps >= STEPS_PER_PAGE and rolled != row.key:  # such a key would pass its whole prefix over
            return Page(items, row.key)
    return Page(items, None)


def start_of(prefix: bytes, delimiter: bytes, after: bytes) -> bytes:
    """Return the first key that a listing may show."""
    if not after:
        return prefix
    if after.startswith(prefix) and common_prefix(after, prefix, delimiter) == after:
        return max(prefix, beyond(after))
    return max(prefix, successor(after))


def beyond(rolled: bytes) -> bytes:
    """Return where the keys of a common prefix end; one without an end is in no key, since keys are UTF-8."""
    return prefix_end(rolled) or successor(rolled)


async def walk(
    db: Connection, layers: ReadSet, prefix: bytes = b"", *, tombstones: bool = False
) -> AsyncGenerator[Row, None]:
    """Yield every row under *prefix* in the order of keys; hands the loop back now and then.

    Args:
        db: The catalog.
        layers: The read set.
        prefix: Of the keys.
        tombstones: Whether to yield them too.
    """
    merge = Merge(db, layers, prefix, prefix_end(prefix))
    steps = 0
    while (row := merge.step()) is not None:
        steps += 1
        if steps % _WALK_STEPS == 0:
            await trio.lowlevel.checkpoint()
        if tombstones or row.kind != EntryKind.TOMBSTONE:
            yield row


async def in_pieces(rows: AsyncGenerator[Row, None]) -> AsyncGenerator[Sequence[Row], None]:
    """Yield rows some hundreds at a time, as `find_each` takes their keys."""
    piece: list[Row] = []
    async with aclosing(rows):
        async for row in rows:
            piece.append(row)
            if len(piece) == _WALK_STEPS:
                yield piece
                piece = []
    if piece:
        yield piece


Difference = tuple[Row | None, Row | None]


async def diff(
    db: Connection, before: ReadSet, after: ReadSet, prefix: bytes = b""
) -> AsyncGenerator[Difference, None]:
    """Yield what differs: the row before and the row after of each key that does not hold the same, in order.

    The same is what has one digest: times do not count. Costs what the layers hold that both do not share.

    Args:
        db: The catalog.
        before: A read set.
        after: Another.
        prefix: Only of the keys under it.
    """
    shared = _shared(before, after)
    pairs = _above(db, before, after, shared, prefix) if shared else side_by_side(db, before, after, prefix)
    async with aclosing(pairs):
        async for old, new in pairs:
            if not is_same(old, new):
                yield old, new


def _shared(before: ReadSet, after: ReadSet) -> int:
    """Return how many layers at the bottom are the same."""
    count = 0
    while count < min(len(before), len(after)) and before[-1 - count] == after[-1 - count]:
        count += 1
    return count


async def _above(
    db: Connection, before: ReadSet, after: ReadSet, shared: int, prefix: bytes
) -> AsyncGenerator[Difference, None]:
    """Look at those keys alone that a layer has which is not shared."""
    above = [*before[: len(before) - shared], *after[: len(after) - shared]]
    async with aclosing(in_pieces(walk(db, above, prefix, tombstones=True))) as pieces:
        async for rows in pieces:
            keys = [row.key for row in rows]
            for pair in zip(find_each(db, before, keys), find_each(db, after, keys), strict=True):
                yield pair


async def side_by_side(
    db: Connection, before: ReadSet, after: ReadSet, prefix: bytes = b""
) -> AsyncGenerator[Difference, None]:
    """Walk both at once: yield the row before and the row after of each key, in order, the same ones too."""
    async with aclosing(walk(db, before, prefix)) as old, aclosing(walk(db, after, prefix)) as new:
        left, right = await anext(old, None), await anext(new, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left.key < right.key):
                yield left, None
                left = await anext(old, None)
            elif left is None or right.key < left.key:
                yield None, right
                right = await anext(new, None)
            else:
                yield left, right
                left, right = await anext(old, None), await anext(new, None)


def is_same(left: Row | None, right: Row | None) -> bool:
    """Tell whether two rows of a key hold the same; None: there is none."""
    if left is None or right is None:
        return left is right
    return _content(left) == _content(right)


def _content(row: Row) -> tuple[bytes | None, int | None, bytes | None]:
    return row.digest, row.size, content_attributes(row.meta)
