"""Pages of versions: what the versions of a branch and what it holds give together, by key."""

from __future__ import annotations

import trio

from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Connection
from runner.store.history import versions
from runner.store.history.staged import BranchKey
from runner.store.history.versions import Version
from runner.store.layers import tree
from runner.store.layers.entries import Row, entry_of
from runner.store.view import ObjectVersion, VersionPage

_KEYS_PER_TURN = 100
"""After so many keys the loop is handed back; each costs two look-ups."""


async def list_page(
    db: Connection,
    branch: BranchKey,
    layers: tree.ReadSet,
    *,
    prefix: bytes,
    delimiter: bytes,
    after: tuple[bytes, str],
    limit: int,
) -> VersionPage:
    """List a page, as `runner.store.view.Bucket.list_versions` promises; hands the loop back now and then."""
    if limit <= 0:
        return VersionPage((), None)
    items: list[ObjectVersion | bytes] = []
    key, marker = after
    keys = _Keys(db, branch, layers, prefix, max(prefix, key) if marker else tree.start_of(prefix, delimiter, key))
    below: int | None = None
    if marker:
        below = versions.position_of(db, branch, key, marker, tree.find(db, layers, key))
    last, turn = after, 0
    while (found := keys.step()) is not None:
        turn += 1
        if turn % _KEYS_PER_TURN == 0:
            await trio.lowlevel.checkpoint()
        rolled = tree.common_prefix(found, prefix, delimiter)
        if rolled is not None:
            if len(items) == limit:
                return VersionPage(items, last)
            items.append(rolled)
            last = rolled, ""
            keys.jump(tree.beyond(rolled))
            continue
        older = below if found == key else None
        for version in versions.page(db, branch, found, keys.current, below=older, limit=limit - len(items) + 1):
            if len(items) == limit:
                return VersionPage(items, last)
            is_latest = older is None and (not items or _key_of(items[-1]) != found)
            items.append(_shown(version, is_latest=is_latest))
            last = found, version.position
    return VersionPage(items, None)


class _Keys:
    """Every key that a branch holds or has versions of, in order.

    Attributes:
        current: What the branch holds under the key that `step` returned last; None: nothing.
    """

    def __init__(self, db: Connection, branch: BranchKey, layers: tree.ReadSet, prefix: bytes, start: bytes) -> None:
        self.current: Row | None = None
        self._db = db
        self._branch = branch
        self._end = tree.prefix_end(prefix)
        self._start = start
        self._merge = tree.Merge(db, layers, start, self._end)
        self._ahead = self._live()

    def step(self) -> bytes | None:
        """Return the next key; None: the end."""
        if self._ahead is not None and self._ahead.key < self._start:
            self._merge.jump(self._start)
            self._ahead = self._live()
        held = None if self._ahead is None else self._ahead.key
        stored = versions.next_key(self._db, self._branch, self._start)
        if stored is not None and self._end is not None and stored >= self._end:
            stored = None
        key = min((each for each in (held, stored) if each is not None), default=None)
        if key is not None:
            self.current = self._ahead if key == held else None
            self.jump(tree.successor(key))
        return key

    def jump(self, start: bytes) -> None:
        """Go on at the first key that is not below *start*."""
        self._start = start

    def _live(self) -> Row | None:
        while (row := self._merge.step()) is not None and row.kind == EntryKind.TOMBSTONE:
            pass
        return row


def _key_of(item: ObjectVersion | bytes) -> bytes | None:
    return item.key if isinstance(item, ObjectVersion) else None


def _shown(version: Version, *, is_latest: bool) -> ObjectVersion:
    row = version.row
    entry = None if version.is_marker else entry_of(row)
    return ObjectVersion(row.key, version.id, version.modified, is_latest, entry, version.position)
