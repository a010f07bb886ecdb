"""What a commit changed, counted by folder: in its parent when it is made, between any two when somebody asks.

A folder is what keys have in common up to a ``/``. So many are kept of a commit that a page is drawn from one row: all
levels of folders, from the whole downwards, that are not more than `FOLDERS_MAX` together, and no more than
`LEVELS_MAX` below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from runner.model.commit import Commit
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import commits, repos
from runner.store.layers import tree
from runner.store.layers.entries import Row
from runner.store.store import Store

FOLDERS_MAX = 1000
LEVELS_MAX = 20
"""A key may have a thousand slashes, and each level costs every folder."""
_SLASH = b"/"

_STORED = """
    SELECT d.folders FROM difference d JOIN commits c ON c.id = d.commit_id
    WHERE d.commit_id = ? AND coalesce(c.parent, 0) = ?
"""


class Folder(NamedTuple):
    """What differs in a folder, and in all that are in it.

    Attributes:
        path: With the ``/`` at its end; empty: the whole.
        bytes_before: Of the objects that changed or were removed.
        bytes_after: Of those that were added or changed, as they are now.
        nested: How many of the objects that differ lie in folders of the folder.
    """

    path: bytes
    added: int = 0
    changed: int = 0
    removed: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    nested: int = 0


class Changes(NamedTuple):
    """What differs in a folder.

    Attributes:
        whole: In all of it.
        folders: In those directly in it, in the order of their names; None: they are more than `FOLDERS_MAX`.
    """

    whole: Folder
    folders: Sequence[Folder] | None


class FolderCounts:
    """Counts differences by folder, in bounded memory; fastest when those of one folder come one after the other.

    Args:
        under: The folder that all of them are in.
    """

    def __init__(self, under: bytes = b"") -> None:
        self._under = under
        self._levels: list[dict[bytes, list[int]]] = [{under: _nothing()}]
        self._deepest = LEVELS_MAX
        self._folder = under
        self._counts = _nothing()

    def add(self, old: Row | None, new: Row | None) -> None:
        """Count what is under one key: a row on one side, or two that differ."""
        row = new or old
        if row is None:
            return
        folder = row.key[: row.key.rfind(_SLASH) + 1]
        if folder != self._folder:
            self._spread()
            self._folder = folder
        counts = self._counts
        counts[0 if old is None else 2 if new is None else 1] += 1
        counts[3] += old.size or 0 if old is not None else 0
        counts[4] += new.size or 0 if new is not None else 0

    def whole(self) -> Folder:
        """Return the sum of all."""
        self._spread()
        return Folder(self._under, *self._levels[0][self._under])

    def changes(self) -> Changes:
        """Return it with the folders directly in it."""
        whole = self.whole()
        if self._deepest == 0:
            return Changes(whole, None)
        inner = self._levels[1] if len(self._levels) > 1 else {}
        return Changes(whole, [Folder(path, *inner[path]) for path in sorted(inner)])

    def encode(self) -> bytes:
        """Return what `decode` reads: how deep it goes, and the folders in the order of their names."""
        self._spread()
        rows = sorted((path, counts) for level in self._levels for path, counts in level.items())
        folders = [[path.decode(), *counts] for path, counts in rows]
        return json.dumps([self._deepest, folders], separators=(",", ":"), ensure_ascii=False).encode()

    def _spread(self) -> None:
        """Add what was counted of the last folder to it and to all that it is in."""
        counts, self._counts = self._counts, _nothing()
        objects = sum(counts[:3])
        if not objects:
            return
        end = len(self._under)
        for depth, level in enumerate(self._levels_to(self._folder)):
            if depth:
                end = self._folder.index(_SLASH, end) + 1
            held = level.setdefault(self._folder[:end], _nothing())
            for at, count in enumerate(counts):
                held[at] += count
            if end < len(self._folder):
                held[5] += objects
        while sum(map(len, self._levels)) > FOLDERS_MAX and len(self._levels) > 1:
            self._levels.pop()
            self._deepest = len(self._levels) - 1

    def _levels_to(self, folder: bytes) -> list[dict[bytes, list[int]]]:
        """Return the levels that take *folder* and what it is in, from the top."""
        wanted = min(folder.count(_SLASH, len(self._under)), self._deepest)
        while len(self._levels) <= wanted:
            self._levels.append({})
        return self._levels[: wanted + 1]


def _nothing() -> list[int]:
    return [0] * (len(Folder._fields) - 1)


def decode(body: bytes, under: bytes) -> Changes | None:
    """Return what `FolderCounts.encode` wrote of a folder; None: that goes deeper than what was kept."""
    deepest, rows = json.loads(body)
    depth = under.count(_SLASH)
    if depth + 1 > deepest > 0:
        return None
    folders = [Folder(path.encode(), *counts) for path, *counts in rows]
    whole = next((each for each in folders if each.path == under), Folder(under))
    if deepest == 0:
        return None if under else Changes(whole, None)
    return Changes(whole, [each for each in folders if _is_in(each.path, under, depth)])


def _is_in(path: bytes, under: bytes, depth: int) -> bool:
    return path.startswith(under) and path.count(_SLASH) == depth + 1


def keep(tx: Transaction, commit: int, counts: FolderCounts) -> None:
    """Keep what a new commit changed in its parent."""
    query.insert(tx.db, "difference", {"commit_id": commit, "folders": counts.encode()})


def forget(tx: Transaction, commits_: Iterable[int]) -> None:
    """Forget what commits changed, since they go or get another parent."""
    for commit in commits_:
        tx.db.execute("DELETE FROM difference WHERE commit_id = ?", (commit,))


async def changes(store: Store, before: Commit | None, after: Commit, under: bytes = b"") -> Changes:
    """Return what differs between two commits in a folder, and in each folder directly in it.

    Of a commit and its parent it is read from one row; of any others, and deeper than was kept of these, it is counted
    now, which costs what differs, and as much as they hold where both were written whole.

    Args:
        store: Where.
        before: None: nothing.
        after: The other.
        under: A folder, with its ``/``; empty: all.

    Raises:
        NoSuchRepo, NoSuchCommit.
    """
    db = store.catalog.db
    old, new = None if before is None else _number(db, before), _number(db, after)
    body = query.value(db, _STORED, (new, old or 0))
    found = None if body is None else decode(body, under)
    if found is not None:
        return found
    if before is not None and before.digest == after.digest:
        return Changes(Folder(under), [])
    counts = FolderCounts(under)
    layers = () if old is None else commits.read_set(db, old)
    async with aclosing(tree.diff(db, layers, commits.read_set(db, new), under)) as differences:
        async for one, other in differences:
            counts.add(one, other)
    return counts.changes()


def _number(db: Connection, commit: Commit) -> int:
    return commits.require_id(db, repos.require(db, commit.project, commit.repo), commit.id)
