"""Collecting garbage: mark what is referred to, sweep the rest. Safe beside everything else, and may be broken off.

Roots are all finished commits, open work (jobs, bursts, uploads, changes), S3's versions, and quarantined commits
within their time. No references are counted: a count would cost every write, and a mistake in it data.
A collection begins an *epoch*; whatever refers to content anew sets the content's epoch in the same transaction
(`runner.store.contents.content`), and only content of an earlier epoch is swept. Rows go first, bytes when that is
durable: bytes without a row are garbage, a row without bytes would be corruption.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import trio

from runner.model.commit import CommitState
from runner.model.errors import Conflict, Corrupt
from runner.store import settle
from runner.store.blobs import Place
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_STATE, BlobPlace, Doomed, LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Snapshot
from runner.store.check import Pace, Report
from runner.store.check.rows import check_rows
from runner.store.collect import packs
from runner.store.collect.doom import sweep, sweep_all
from runner.store.collect.marks import Garbage, Layer, Marks, unnamed_layers
from runner.store.collect.numbers import Names, Numbers
from runner.store.layers import staging
from runner.store.owners import owning
from runner.store.store import Store

_US = 1_000_000
_EPOCH = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'gc_epoch'"
_OLD = f"state = {COMMIT_STATE.code(CommitState.QUARANTINED)} AND finished_us < ?"
_FORGET_OLD = f"UPDATE job SET commit_id = NULL WHERE commit_id IN (SELECT id FROM commits WHERE {_OLD})"  # noqa: S608  # constants


class CollectionUnderWay(Conflict):
    """Another process collects the garbage of the store."""


class StoreDamaged(Corrupt):
    """What the store holds cannot be told any more, so neither can what is garbage."""


@dataclass(frozen=True, slots=True)
class Graces:
    """How long what nothing refers to is kept.

    Attributes:
        seconds: After it was found so; 0 only where nothing else uses the store.
        quarantine_seconds: What a failed job left behind, after the job's end.
    """

    seconds: float
    quarantine_seconds: float


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection found and removed.

    Attributes:
        commits: Quarantined ones whose time was over.
        layers: That no commit is made of any more.
        blobs: That nothing refers to.
        size_bytes: Of these blobs.
        removed_blobs: Those of them whose grace was over.
        freed_bytes: Given back to the disk.
    """

    commits: int = 0
    layers: int = 0
    blobs: int = 0
    size_bytes: int = 0
    removed_blobs: int = 0
    freed_bytes: int = 0


class _Marked(NamedTuple):
    """Marks, and the numbers of what has none."""

    marks: Marks
    part_lists: Numbers
    manifests: Numbers


class _Removed(NamedTuple):
    blobs: int
    lying: Mapping[Place, int]


async def collect(store: Store, graces: Graces, *, dry_run: bool = False) -> Collected:
    """Collect the garbage of *store*.

    Args:
        store: Of which; others may go on using it.
        graces: What is spared.
        dry_run: Change nothing, tell what a collection without graces would remove.

    Raises:
        CollectionUnderWay: (Conflict)
        StoreDamaged: (Corrupt) Nothing was removed.
        StoreUnavailable, StorageFailed: (Unavailable) what was removed by then is gone, nothing else is.

    Cancellation: as an error; the next collection goes on.
    """
    if dry_run:
        return await trio.to_thread.run_sync(_look, store, graces)
    async with owning(store.owners, "gc") as owner:
        if owner is None:
            raise CollectionUnderWay("the store's garbage is being collected already", hint="wait for that to end")
        return await _collect(store, graces)


async def _collect(store: Store, graces: Graces) -> Collected:
    """Go from names to bytes: commits, layers, then content, then packs and files."""
    await trio.to_thread.run_sync(_refuse_damaged, store)
    grace_us = int(graces.seconds * _US)
    before_us = time.time_ns() // 1000 - int(graces.quarantine_seconds * _US)
    commits = await store.writer.write(partial(_drop_quarantined, before_us=before_us))
    layers = await _unnamed(store)
    dropped = await sweep_all(store, Doomed.LAYER, Names(dict.fromkeys(layers)), grace_us, _drop_layers)
    await settle.clean(store)
    epoch = await store.writer.write(_begin_epoch)
    # What only layers in their grace refer to begins its own with them, so that all of it goes together.
    waiting = set(layers).difference(*dropped)
    free = await trio.to_thread.run_sync(_mark, store, epoch, set())
    found = await trio.to_thread.run_sync(_mark, store, epoch, waiting) if waiting else free
    part_lists, may_go = Names(found.part_lists), Names(free.part_lists)
    await sweep_all(store, Doomed.PART_LIST, part_lists, grace_us, _drop_part_lists, only=may_go)
    manifests, may_go = Names(found.manifests), Names(free.manifests)
    drop_manifests = partial(_drop_manifests, epoch=epoch)
    await sweep_all(store, Doomed.MANIFEST, manifests, grace_us, drop_manifests, only=may_go)
    free_blobs = await trio.to_thread.run_sync(_unreferenced_blobs, store, free.marks, epoch, ())
    garbage = await trio.to_thread.run_sync(_unreferenced_blobs, store, found.marks, epoch, found.manifests)
    blobs, may_go = Names(garbage.blobs), Names(free_blobs.blobs)
    removed = freed = 0
    slots = sweep(store, Doomed.BLOB, blobs, grace_us, partial(_drop_blobs, epoch=epoch), only=may_go)
    async with aclosing(slots):
        async for slot in slots:
            removed += slot.blobs
            freed += await packs.unlink(store, slot.lying)
    await packs.compact(store)
    freed += await packs.unlink_unnamed(store, grace_us)
    return Collected(commits, len(layers), len(garbage.blobs), garbage.size_bytes, removed, freed)


async def _unnamed(store: Store) -> list[int]:
    """Return the layers that nothing names and no live owner is about to make a commit of.

    Names are taken between two readings: whoever had one has published before the second, or never will.
    """
    first = await trio.to_thread.run_sync(_unnamed_layers, store)
    free = {layer.id for layer in first if layer.owner is None or await _is_free(store, layer.owner)}
    second = await trio.to_thread.run_sync(_unnamed_layers, store)
    return [layer.id for layer in second if layer.id in free]


async def _is_free(store: Store, name: str) -> bool:
    async with owning(store.owners, name) as owner:
        return owner is not None


# Reading, in worker threads.


@contextmanager
def _snapshot(store: Store) -> Iterator[Snapshot]:
    """Give the catalog as it is at one moment."""
    with closing(store.engine.open_reader()) as catalog, catalog.snapshot() as db:
        yield db


def _refuse_damaged(store: Store) -> None:
    """Raise `StoreDamaged` when a row is not what was written: what it named would seem to be garbage."""
    report = Report(store.engine.errors)
    with _snapshot(store) as db:
        check_rows(db, report, breathe=Pace())
    if report.problems:
        raise StoreDamaged(
            f"nothing is collected, since {report.problems[0].what}", hint="runner store check tells all the damage"
        )


def _unnamed_layers(store: Store) -> list[Layer]:
    with _snapshot(store) as db:
        return unnamed_layers(db)


def _mark(store: Store, epoch: int, but: Collection[int]) -> _Marked:
    """Find what nothing refers to, or nothing but the layers *but*."""
    with _snapshot(store) as db:
        marks = Marks(db, Pace())
        marks.mark_entries(db, but=but)
        return _Marked(marks, *marks.unreferenced(db, epoch))


def _unreferenced_blobs(store: Store, marks: Marks, epoch: int, but: Collection[int]) -> Garbage:
    """Return the blobs that no entry refers to, and no manifest or none but *but*."""
    with _snapshot(store) as db:
        return marks.unreferenced_blobs(db, epoch, but=but)


def _look(store: Store, graces: Graces) -> Collected:
    """Tell what a collection would remove, of what is unreferenced at this moment."""
    before_us = time.time_ns() // 1000 - int(graces.quarantine_seconds * _US)
    with _snapshot(store) as db:
        old = query.values(db, f"SELECT id FROM commits WHERE {_OLD}", (before_us,))  # noqa: S608  # constants
        layers = [layer.id for layer in unnamed_layers(db, but=set(old))]
        epoch = query.value(db, _EPOCH)
        marks = Marks(db, Pace())
        marks.mark_entries(db, but=set(layers))
        garbage = marks.unreferenced_blobs(db, epoch + 1, but=marks.unreferenced(db, epoch + 1).manifests)
        return Collected(len(old), len(layers), len(garbage.blobs), garbage.size_bytes)


# Writing, in transactions.


def _begin_epoch(tx: Transaction) -> int:
    epoch: int = query.value(tx.db, _EPOCH) + 1
    query.update(tx.db, "meta", {"value": str(epoch)}, "name = 'gc_epoch'")
    return epoch


def _drop_quarantined(tx: Transaction, before_us: int) -> int:
    query.write(tx.db, "job", _FORGET_OLD, (before_us,))
    return tx.db.execute(f"DELETE FROM commits WHERE {_OLD}", (before_us,)).rowcount  # noqa: S608  # constants


def _drop_layers(tx: Transaction, names: Sequence[str]) -> list[int]:
    for name in names:
        tx.db.execute("DELETE FROM run WHERE layer = ?", (int(name),))
        staging.set_state(tx, int(name), LayerState.DROPPING)
    return [int(name) for name in names]


def _drop_part_lists(tx: Transaction, names: Sequence[str]) -> None:
    tx.db.executemany("DELETE FROM part_list WHERE id = ?", [(int(name),) for name in names])


def _drop_manifests(tx: Transaction, names: Sequence[str], epoch: int) -> None:
    for name in names:
        row = (int(name), epoch)
        if tx.db.execute("DELETE FROM manifest WHERE id = ? AND epoch < ?", row).rowcount:
            tx.db.execute("DELETE FROM extent WHERE manifest = ?", row[:1])


def _drop_blobs(tx: Transaction, names: Sequence[str], epoch: int) -> _Removed:
    """Remove rows; return how many, and the files that are nobody's now. A pack goes when all its rows are gone."""
    lying: dict[Place, int] = {}
    count = 0
    for name in names:
        row = tx.db.execute(
            "DELETE FROM blob WHERE id = ? AND epoch < ? RETURNING place, name, size", (int(name), epoch)
        ).fetchone()
        if row is not None:
            count += 1
            lying |= {Place(name=row[1]): row[2]} if row[0] == BlobPlace.FILE else {}
    return _Removed(count, lying)
