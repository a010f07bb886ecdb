"""Which keys of a commit a folder cannot hold exactly, found before anything is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from runner.model.errors import Invalid
from runner.store.catalog.query import Connection
from runner.store.files import names
from runner.store.files.counts import Counts
from runner.store.layers import tree
from runner.store.layers.entries import Row

SHOWN_MAX = 20


class OddKeys(Invalid):
    """A folder cannot hold some keys exactly."""


class Odd(NamedTuple):
    """Why a folder cannot hold a key, and the path that is written when it is to be escaped."""

    why: str
    path: bytes


class Plan(NamedTuple):
    """What an export is about to write."""

    odd: Mapping[bytes, Odd]
    total: Counts

    def refuse(self, hint: str = "add --on-odd-keys skip or --on-odd-keys escape") -> None:
        """Raise `OddKeys` when there are any."""
        if not self.odd:
            return
        shown = [f"  {names.shown(key)}: {odd.why}" for key, odd in sorted(self.odd.items())[:SHOWN_MAX]]
        more = [f"  and {len(self.odd) - SHOWN_MAX:,} more"] if len(self.odd) > SHOWN_MAX else []
        raise OddKeys(
            "\n".join((f"a folder cannot hold {len(self.odd):,} of {self.total.objects:,} keys:", *shown, *more)),
            hint=hint,
        )


class Planner:
    """Looks at every key; the first *cut* bytes of each are not part of its path."""

    def __init__(self, db: Connection, layers: tree.ReadSet, cut: int, *, folds_case: bool) -> None:
        self._db = db
        self._layers = layers
        self._cut = cut
        self._total = Counts()
        self._odd: dict[bytes, Odd] = {}
        self._folders: list[bytes] = []
        self._seen: dict[str, bytes] | None = {} if folds_case else None

    async def plan(self, rows: AsyncIterator[Row]) -> Plan:
        """Return the plan for *rows*, which come in the order of keys."""
        async for row in rows:
            self.take(row)
        return self.done()

    def take(self, row: Row) -> None:
        """Look at the next row, in the order of keys."""
        self._total.add(row.size or 0)
        stem, name = row.key[: self._cut], row.key[self._cut :]
        self._note_files_around(stem, name.split(b"/")[:-1])
        why = names.odd_key(name)
        if why:
            self._odd.setdefault(row.key, Odd(why, names.spell(name)))
        elif self._seen is not None and _collides(name, self._seen):
            path = names.spell(name, forced_from=0)
            self._odd.setdefault(row.key, Odd("differs from another in case alone", path))

    def done(self) -> Plan:
        """Return the plan for all rows that were looked at."""
        return Plan(self._odd, self._total)

    def _note_files_around(self, stem: bytes, folders: list[bytes]) -> None:
        """Note files that are also folders: keys that are the path of a folder which is met for the first time."""
        before, self._folders = self._folders, folders
        same = 0
        while same < min(len(folders), len(before)) and folders[same] == before[same]:
            same += 1
        for depth in range(same + 1, len(folders) + 1):
            name = b"/".join(folders[:depth])
            key = stem + name
            if key and tree.find(self._db, self._layers, key) is not None:
                self._odd[key] = Odd("is also a folder", names.spell(name, forced_from=depth - 1))


def _collides(name: bytes, seen: dict[str, bytes]) -> bool:
    """Tell whether *name* or a folder around it was seen in another case; else take note of them."""
    elements = name.split(b"/")
    paths = [b"/".join(elements[:depth]) for depth in range(1, len(elements) + 1)]
    if any(seen.get(names.folded(path), path) != path for path in paths):
        return True
    seen.update((names.folded(path), path) for path in paths)
    return False
