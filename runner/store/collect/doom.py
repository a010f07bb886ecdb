"""Removing what nothing refers to, after a grace: whoever looked it up before it lost its last name may still read it.

The first collection that finds it notes since when; a later one removes it when that is long enough ago and nothing
refers to it still. Each slot is a transaction of its own, so a collection that is broken off has lost nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TypeVar

from runner.store.catalog import query
from runner.store.catalog.codes import Doomed
from runner.store.catalog.engine import Transaction
from runner.store.catalog.sums import crc_of
from runner.store.store import Store

T = TypeVar("T")

SLOT = 2000
"""Removed in one transaction, so that a PUT beside it waits for some milliseconds."""

_NOTE = "INSERT INTO doomed (kind, name, since_us, crc) VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO NOTHING"
_NOTED = "SELECT name FROM doomed WHERE kind = ? AND name > ? ORDER BY name LIMIT ?"
_RIPE = "SELECT name FROM doomed WHERE kind = ? AND since_us <= ? AND name BETWEEN ? AND ?"
_FORGET = "DELETE FROM doomed WHERE kind = ? AND name = ?"


async def sweep(
    store: Store,
    kind: Doomed,
    names: Collection[str],
    grace_us: int,
    remove: Callable[[Transaction, Sequence[str]], T],
    *,
    only: Collection[str] | None = None,
) -> AsyncGenerator[T, None]:
    """Remove those of *names* that were found unreferenced *grace_us* ago or earlier; note the others.

    Args:
        store: Where.
        kind: Of all names.
        names: All of that kind that nothing refers to now, or nothing that stays, in ascending order; what was noted
            earlier and is not among them is spared.
        grace_us: Microseconds; 0 removes all.
        remove: Called in a transaction with up to `SLOT` names that are due.
        only: Those of them that may go now; None: all.

    Yields:
        What *remove* returned, when that is durable.
    """
    last = ""
    while noted := query.values(store.catalog.db, _NOTED, (kind, last, SLOT)):
        last = noted[-1]
        spared = [name for name in noted if name not in names]
        if spared:
            await store.writer.write(partial(_forget, kind=kind, names=spared))
    pending = iter(names)
    while slot := list(islice(pending, SLOT)):
        due = partial(_sweep, kind=kind, names=slot, grace_us=grace_us, remove=remove, only=only)
        yield await store.writer.write(due)


async def sweep_all(
    store: Store,
    kind: Doomed,
    names: Collection[str],
    grace_us: int,
    remove: Callable[[Transaction, Sequence[str]], T],
    *,
    only: Collection[str] | None = None,
) -> list[T]:
    """Do as `sweep` to its end, of what is few or gives little back."""
    async with aclosing(sweep(store, kind, names, grace_us, remove, only=only)) as slots:
        return [slot async for slot in slots]


def _sweep(
    tx: Transaction,
    *,
    kind: Doomed,
    names: Sequence[str],
    grace_us: int,
    remove: Callable[[Transaction, Sequence[str]], T],
    only: Collection[str] | None,
) -> T:
    rows = [(int(kind), name, tx.now_us) for name in names]
    tx.db.executemany(_NOTE, [(*row, crc_of(row)) for row in rows])
    ripe = {name for (name,) in tx.db.execute(_RIPE, (kind, tx.now_us - grace_us, names[0], names[-1])).fetchall()}
    due = [name for name in names if name in ripe and (only is None or name in only)]
    removed = remove(tx, due)
    _forget(tx, kind, due)
    return removed


def _forget(tx: Transaction, kind: Doomed, names: Sequence[str]) -> None:
    tx.db.executemany(_FORGET, [(kind, name) for name in names])
