"""What nothing refers to any more: layers by commits and open work, content by entries, versions and uploads.

All here reads a snapshot of the catalog in a worker thread, and holds a byte for each piece of content (`Numbers`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from runner.store.catalog.codes import JOB_TERMINAL_FROM, EntryKind, LayerState
from runner.store.catalog.query import Snapshot
from runner.store.collect.numbers import Numbers

_SETTLED = (LayerState.SEALED, LayerState.QUARANTINED)

_OF_COMMITS = "SELECT id, layers, read_set FROM commits"
_OF_OPEN_WORK = f"""
    SELECT layer FROM stack
    UNION SELECT layer FROM burst
    UNION SELECT a.layer FROM attempt a JOIN job ON job.id = a.job WHERE job.state < {JOB_TERMINAL_FROM}
"""  # noqa: S608  # constants
_RUNS = "SELECT layer, covers FROM run"
_ENTRIES = "SELECT layer, kind, content, parts FROM entry WHERE kind != 0"
_BESIDE = """
    SELECT kind, content, parts FROM version WHERE kind != 0 UNION ALL SELECT kind, content, NULL FROM part
"""


class Layer(NamedTuple):
    """A sealed layer that nothing names; *owner*, while it lives, may be about to make a commit of it."""

    id: int
    owner: str | None


class Unreferenced(NamedTuple):
    """Numbers of what nothing refers to."""

    part_lists: Numbers
    manifests: Numbers


class Garbage(NamedTuple):
    """Blobs that nothing refers to, and their bytes."""

    blobs: Numbers
    size_bytes: int


def unnamed_layers(db: Snapshot, *, but: Collection[int] = ()) -> list[Layer]:
    """Return the sealed and quarantined layers that no commit is made of or read from, and no open work needs.

    The commits *but* count as removed.
    """
    named = {layer for (layer,) in db.execute(_OF_OPEN_WORK)}
    for commit, *layers in db.scan(_OF_COMMITS):
        if commit not in but:
            named.update(layer for text in layers for layer in json.loads(text))
    for covers in [text for layer, text in db.scan(_RUNS) if layer in named]:
        named.update(json.loads(covers))  # a run is compared with the deltas that it was merged from
    rows = db.execute("SELECT id, owner FROM layer WHERE state IN (?, ?) ORDER BY id", _SETTLED)
    return [layer for layer in map(Layer._make, rows) if layer.id not in named]


class Marks:
    """Content that entries, versions and uploads refer to; blobs also by manifests, of which some are swept first."""

    def __init__(self, db: Snapshot, breathe: Callable[[], None]) -> None:
        self._breathe = breathe
        self._blobs = _marks_for(db, "blob")
        self._manifests = _marks_for(db, "manifest")
        self._part_lists = _marks_for(db, "part_list")

    def mark_entries(self, db: Snapshot, *, but: Collection[int] = ()) -> None:
        """Mark what entries, versions and uploads refer to; those of the layers *but* count as removed."""
        layers = {layer for (layer,) in db.scan("SELECT id FROM layer WHERE state != ?", (LayerState.DROPPING,))}
        layers.difference_update(but)
        self._mark(row for layer, *row in db.scan(_ENTRIES) if layer in layers)
        self._mark(db.scan(_BESIDE))

    def unreferenced(self, db: Snapshot, epoch: int) -> Unreferenced:
        """Return the part lists and manifests without a mark; not those that got a reference in *epoch*."""
        part_lists = db.scan("SELECT id FROM part_list")
        manifests = db.scan("SELECT id FROM manifest WHERE epoch < ?", (epoch,))
        return Unreferenced(_unmarked(self._part_lists, part_lists), _unmarked(self._manifests, manifests))

    def unreferenced_blobs(self, db: Snapshot, epoch: int, *, but: Collection[int] = ()) -> Garbage:
        """Return the blobs that nothing refers to, nor a manifest that is there; those of *but* count as removed.

        Not those that got a reference in *epoch*.
        """
        marks, blobs, size_bytes = self._blobs.copy(), self._blobs.without(), 0
        for manifest, blob in db.scan("SELECT manifest, blob FROM extent"):
            self._breathe()
            if manifest not in but:
                marks.add(blob)
        for number, size in db.scan("SELECT id, size FROM blob WHERE epoch < ?", (epoch,)):
            self._breathe()
            if marks.covers(number) and number not in marks:
                blobs.add(number)
                size_bytes += size
        return Garbage(blobs, size_bytes)

    def _mark(self, rows: Iterable[Sequence[Any]]) -> None:
        for kind, content, parts in rows:
            self._breathe()
            (self._blobs if kind == EntryKind.BLOB else self._manifests).add(content)
            if parts is not None:
                self._part_lists.add(parts)


def _marks_for(db: Snapshot, table: str) -> Numbers:
    """Return a set for the numbers that are there; what is made later is not up for removal."""
    (last,) = db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608  # one of three
    return Numbers(last)


def _unmarked(marks: Numbers, numbers: Iterable[tuple[int]]) -> Numbers:
    found = marks.without()
    for (number,) in numbers:
        if number not in marks:
            found.add(number)
    return found
