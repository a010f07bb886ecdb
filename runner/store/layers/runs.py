"""Runs: merged layers, so that a read of a long history merges few of them.

Small merges are made in the commit, larger ones behind it (`merges`). Deltas are the history and stay; a run holds
what several of them hold together, and may be dropped and built again.
After a commit the newest layers are merged for as long as the next older one has fewer than `RATIO` times the rows
gathered so far: sizes then grow geometrically, a read merges some 7 layers, and 7 rows are copied for each written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from runner.store.catalog import query
from runner.store.catalog.codes import EntryKind, LayerKind, LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.layers import staging
from runner.store.layers.entries import Row
from runner.store.layers.tree import Merge, ReadSet

RATIO = 3
MERGE_MAX_ROWS = 4096
"""A merge up to this size is made inside the commit."""
LAYERS_MAX = 24
"""Above so many layers also a larger merge is made at once."""


def plan(rows: Sequence[int]) -> int:
    """Return how many of the newest layers to merge, from their rows, newest first."""
    gathered, count = rows[0], 1
    while count < len(rows) and rows[count] < RATIO * gathered:
        gathered += rows[count]
        count += 1
    return count


def merged(tx: Transaction, layers: ReadSet, *, adopts: bool = False) -> ReadSet:
    """Return a read set that holds the same as *layers*, merged where that is due and small enough.

    All are sealed and measured. A run that *adopts* is about to take the place of the layers that it is merged from
    (`adopt`): what was written into these was then written into it.
    """
    rows = rows_of(tx.db, layers)
    count = plan(rows) if rows else 1
    if count == 1 or (sum(rows[:count]) > MERGE_MAX_ROWS and len(layers) <= LAYERS_MAX):
        return tuple(layers)
    return (_merge(tx, layers[:count], is_root=count == len(layers), adopts=adopts), *layers[count:])


def adopt(tx: Transaction, run: int) -> None:
    """Let a run take the place of the deltas that it was merged from, where these are nobody's history."""
    for delta in _covers(tx, run):
        staging.set_state(tx, delta, LayerState.DROPPING)
    query.update(tx.db, "layer", {"kind": LayerKind.DELTA}, "id = ?", (run,))
    tx.db.execute("DELETE FROM run WHERE layer = ?", (run,))


def record(tx: Transaction, run: int, layers: ReadSet) -> None:
    """Note of a written run what it holds, and which deltas it was merged from."""
    staging.measure(tx, run)
    covers = [delta for layer in layers for delta in _covers(tx, layer)]
    query.insert(tx.db, "run", {"layer": run, "covers": json.dumps(covers)})


def rows_of(db: Connection, layers: ReadSet) -> list[int]:
    """Return how many rows each of *layers* has."""
    if not layers:
        return []
    statement = f"SELECT id, coalesce(rows, 0) FROM layer WHERE id IN ({query.marks(layers)})"  # noqa: S608  # marks
    rows = dict(db.execute(statement, layers).fetchall())
    return [rows[layer] for layer in layers]


def _merge(tx: Transaction, layers: ReadSet, *, is_root: bool, adopts: bool) -> int:
    """Write one run that holds what *layers* hold; with nothing below, tombstones vanish."""
    run = query.insert_numbered(tx.db, "layer", {"kind": LayerKind.RUN, "state": LayerState.SEALED})
    merge = Merge(tx.db, layers, b"", None)
    rows = iter(merge.step, None)
    kept = (row for row in rows if not (is_root and row.kind == EntryKind.TOMBSTONE))
    staging.put_rows(tx, run, (_adopted(row, layers) if adopts else row for row in kept))
    record(tx, run, layers)
    return run


def _adopted(row: Row, layers: ReadSet) -> Row:
    return row._replace(origin=None) if row.origin in layers else row


def _covers(tx: Transaction, layer: int) -> list[int]:
    """Return the deltas whose merge a layer is."""
    covers = query.value(tx.db, "SELECT covers FROM run WHERE layer = ?", (layer,))
    return [layer] if covers is None else json.loads(covers)
