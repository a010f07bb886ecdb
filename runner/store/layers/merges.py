"""Merges that are too large for a commit are made behind it, some rows at a time, while others read and write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

import trio

from runner.model.errors import Unavailable
from runner.store.catalog import query
from runner.store.catalog.codes import LayerKind, LayerState
from runner.store.catalog.engine import Catalog, Transaction
from runner.store.layers import runs, staging
from runner.store.layers.entries import Row
from runner.store.layers.tree import ReadSet, walk
from runner.store.owners import OwnerLost, Owners, fenced, owning_new
from runner.store.writer import Writer

ROWS_PER_SLOT = 1000
"""Written in one request, so that a PUT beside it waits for some milliseconds."""
_HEADS = "SELECT DISTINCT c.id, c.read_set FROM commits c JOIN branch b ON b.head = c.id"


class _Due(NamedTuple):
    """Layers of a head that should be one run; with nothing below, tombstones vanish."""

    layers: ReadSet
    is_root: bool


class Merges:
    """Merges what the heads of branches hold in too many layers, while `run` runs."""

    def __init__(self, catalog: Catalog, writer: Writer, owners: Owners) -> None:
        self._catalog = catalog
        self._writer = writer
        self._owners = owners
        self._committed = trio.Event()

    def notice(self) -> None:
        """Look at the heads soon: there is a new commit."""
        self._committed.set()

    async def run(self) -> None:
        """Merge whenever something is due.

        A full disk ends a merge, not the run, and so does another process that took this one for dead.

        Cancellation: a merge that is under way is dropped, now or by the next `settle`.
        """
        while True:
            await self._committed.wait()
            self._committed = trio.Event()
            try:
                while (due := self._find_due()) is not None and await self._merge(due):
                    pass
            except (Unavailable, OwnerLost):
                continue  # tried again after the next commit

    def _find_due(self) -> _Due | None:
        """Return the newest neighbours of some head whose sizes are too near to each other."""
        for head in query.rows(self._catalog.db, _HEADS):
            layers = json.loads(head.read_set)
            rows = runs.rows_of(self._catalog.db, layers)
            for start in range(len(layers) - 1):
                count = runs.plan(rows[start:])
                if count > 1 and sum(rows[start : start + count]) > runs.MERGE_MAX_ROWS:
                    return _Due(tuple(layers[start : start + count]), is_root=start + count == len(layers))
        return None

    async def _merge(self, due: _Due) -> bool:
        """Write a run and let it take the place of its layers; False: they were merged otherwise meanwhile."""
        async with owning_new(self._owners, "merge") as owner:
            run = await self._writer.write(partial(_open_run, owner=owner.name))
            slot: list[Row] = []
            async with aclosing(walk(self._catalog.db, due.layers, tombstones=not due.is_root)) as rows:
                async for row in rows:
                    slot.append(row)
                    if len(slot) == ROWS_PER_SLOT:
                        await self._writer.write(fenced(owner, partial(_write_rows, run=run, rows=slot)))
                        slot = []
            await self._writer.write(fenced(owner, partial(_write_rows, run=run, rows=slot)))
            return await self._writer.write(fenced(owner, partial(_install, run=run, due=due)))


def _open_run(tx: Transaction, owner: str) -> int:
    values = {"kind": LayerKind.RUN, "state": LayerState.BUILDING, "owner": owner}
    return query.insert_numbered(tx.db, "layer", values)


def _write_rows(tx: Transaction, run: int, rows: Sequence[Row]) -> None:
    staging.put_rows(tx, run, rows)


def _install(tx: Transaction, run: int, due: _Due) -> bool:
    """Seal a run and put it into the read sets of all heads that still hold its layers side by side."""
    installed = False
    for head in query.rows(tx.db, _HEADS):
        layers = json.loads(head.read_set)
        start = layers.index(due.layers[0]) if due.layers[0] in layers else len(layers)
        end = start + len(due.layers)
        if tuple(layers[start:end]) == tuple(due.layers) and (not due.is_root or end == len(layers)):
            layers[start:end] = [run]
            query.update(tx.db, "commits", {"read_set": json.dumps(layers)}, "id = ?", (head.id,))
            installed = True
    staging.set_state(tx, run, LayerState.SEALED if installed else LayerState.DROPPING)
    if installed:
        runs.record(tx, run, due.layers)
    return installed
