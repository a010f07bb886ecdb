"""Paths of a commit as Pachyderm has them: its files, and a folder for every parent of a file, in the order of bytes.

A path begins with ``/``, that of a folder ends with one; the root is ``/``. Folders are not stored: each is seen
before the first key below it, and all keys below it follow one another, so that one walk in the order of keys finds
them all. An empty commit has no root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from blake3 import blake3

from runner.store.catalog.query import Connection
from runner.store.files import names
from runner.store.files.counts import Counts
from runner.store.files.plan import Odd, Plan, Planner
from runner.store.layers import tree
from runner.store.layers.entries import Row

Matches = Callable[[str], bool]
"""Tells whether a path is wanted."""


class Match(NamedTuple):
    """A file or folder of a commit that was asked for.

    Attributes:
        path: As the module has it.
        digest: Of a file's content; of a folder over the keys and contents of all files below it.
        objects: How many files that is.
        size_bytes: Of them all.
    """

    path: str
    digest: bytes
    objects: int
    size_bytes: int


def path_of(key: bytes) -> str:
    """Return the path of a key, or of a folder's prefix."""
    return "/" + key.decode(errors="surrogateescape")


def key_of(path: str) -> bytes:
    """Return the key of a file's path, or the prefix of a folder's."""
    return path[1:].encode(errors="surrogateescape")


async def find_matches(
    db: Connection, layers: tree.ReadSet, matches: Matches, prefix: bytes = b"", *, folds_case: bool = False
) -> Sequence[Match]:
    """Return what *matches* wants of a commit, in the order of bytes of the paths.

    What is held is the matches and the folders around the present key, however many objects pass by.

    Args:
        db: The catalog.
        layers: Of the commit.
        matches: Asked once for each path.
        prefix: With which every wanted path begins, after its ``/``.
        folds_case: Whether the file system that they are meant for takes names that differ in case alone for one.

    Raises:
        OddKeys: A folder cannot hold all of it exactly.
        Whatever *matches* raises.
    """
    scan = Scan(db, layers, matches, folds_case=folds_case)
    async with aclosing(tree.walk(db, layers, prefix)) as rows:
        async for row in rows:
            scan.take(row)
    return scan.matches()


class _Folder:
    """A folder that is wanted, while the keys below it pass by."""

    __slots__ = ("_digest", "objects", "prefix", "size_bytes")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self.objects = self.size_bytes = 0
        self._digest = blake3()

    def take(self, row: Row) -> None:
        size = row.size or 0
        self.objects += 1
        self.size_bytes += size
        self._digest.update(
            b"".join((len(row.key).to_bytes(2, "big"), row.key, size.to_bytes(8, "big"), row.digest or b""))
        )

    def match(self) -> Match:
        return Match(path_of(self.prefix), self._digest.digest(), self.objects, self.size_bytes)


class Scan:
    """One walk over the keys of a commit."""

    def __init__(self, db: Connection, layers: tree.ReadSet, matches: Matches, *, folds_case: bool) -> None:
        self._db = db
        self._layers = layers
        self._matches = matches
        self._folds_case = folds_case
        self._found: list[_Folder | Match] = []
        self._open: list[_Folder] = []
        self._around: list[bytes] = []
        self._is_first = True
        self._planner: Planner | None = None
        self._odd: dict[bytes, Odd] = {}
        self._total = Counts()

    def take(self, row: Row) -> None:
        """Look at the next key."""
        while self._open and not row.key.startswith(self._open[-1].prefix):
            self._open.pop()
        if not self._open:
            self._end_plan()
        for folder in self._new_folders(row.key):
            if self._matches(path_of(folder)):
                self._begin(folder)
        if not row.key.endswith(b"/") and self._matches(path_of(row.key)):  # else it is its folder's own marker
            self._found.append(Match(path_of(row.key), row.digest or b"", 1, row.size or 0))
            if self._planner is None:
                self._total.add(row.size or 0)
                self._judge(row.key)
        for each in self._open:
            each.take(row)
        if self._planner is not None:
            self._planner.take(row)

    def matches(self) -> Sequence[Match]:
        """Return what was found; raises `OddKeys`."""
        self._end_plan()
        Plan(self._odd, self._total).refuse(hint='rename them, or read the input as a bucket: "s3": true')
        return [found.match() if isinstance(found, _Folder) else found for found in self._found]

    def _new_folders(self, key: bytes) -> list[bytes]:
        """Return the folders that are met for the first time, outermost first."""
        before, self._around = self._around, key.split(b"/")[:-1]
        new = [b""] if self._is_first else []
        self._is_first = False
        same = 0
        while same < min(len(before), len(self._around)) and before[same] == self._around[same]:
            same += 1
        new += [
            b"/".join(self._around[:depth]) + b"/"
            for depth in range(same + 1, len(self._around) + 1)
            if self._around[depth - 1]  # a name that is empty is no folder's
        ]
        return new

    def _begin(self, prefix: bytes) -> None:
        folder = _Folder(prefix)
        if not self._open:  # what lies below the outermost lies below all of them
            self._planner = Planner(self._db, self._layers, len(prefix), folds_case=self._folds_case)
            if prefix:
                self._judge(prefix[:-1])
        self._open.append(folder)
        self._found.append(folder)

    def _judge(self, key: bytes) -> None:
        if why := names.odd_key(key):
            self._odd[key] = Odd(why, key)

    def _end_plan(self) -> None:
        if self._planner is not None:
            plan, self._planner = self._planner.done(), None
            self._odd.update(plan.odd)
            self._total.objects += plan.total.objects
            self._total.size_bytes += plan.total.size_bytes
