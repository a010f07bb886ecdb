"""Removing what nothing refers to, after a grace: whoever looked it up before it lost its last name may still read it.

The first collection that finds it notes since when; a later one removes it when that is long enough ago and nothing
refers to it still. Each slot is a transaction of its own, so a collection that is broken off has lost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from runner.store.catalog.codes import Doomed
from runner.store.catalog.engine import Transaction
from runner.store.catalog.sums import crc_of
from runner.store.store import Store

T = TypeVar("T")

SLOT = 2000
"""Removed in one transaction, so that a PUT beside it waits for some milliseconds."""

_NOTE = "INSERT INTO doomed (kind, name, since_us, crc) VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO NOTHING"
_RIPE = "SELECT name FROM doomed WHERE kind = ? AND since_us <= ? AND name BETWEEN ? AND ?"
_FORGET = "DELETE FROM doomed WHERE kind = ? AND name = ?"


async def sweep(
    store: Store, kind: Doomed, names: Sequence[str], grace_us: int, remove: Callable[[Transaction, Sequence[str]], T]
) -> list[T]:
    """Remove those of *names* that were found unreferenced *grace_us* ago or earlier; note the others.

    Args:
        store: Where.
        kind: Of all names.
        names: All of that kind that nothing refers to now; what was noted earlier and is not among them is spared.
        grace_us: Microseconds; 0 removes all.
        remove: Called in a transaction with up to `SLOT` names that are due.

    Returns:
        What *remove* returned, in order.
    """
    noted = store.catalog.db.execute("SELECT name FROM doomed WHERE kind = ?", (kind,)).fetchall()
    spared = sorted({name for (name,) in noted}.difference(names))
    for slot in _slots(spared):
        await store.writer.write(partial(_forget, kind=kind, names=slot))
    return [
        await store.writer.write(partial(_sweep, kind=kind, names=slot, grace_us=grace_us, remove=remove))
        for slot in _slots(sorted(names))
    ]


def _sweep(
    tx: Transaction,
    kind: Doomed,
    names: Sequence[str],
    grace_us: int,
    remove: Callable[[Transaction, Sequence[str]], T],
) -> T:
    rows = [(int(kind), name, tx.now_us) for name in names]
    tx.db.executemany(_NOTE, [(*row, crc_of(row)) for row in rows])
    ripe = {name for (name,) in tx.db.execute(_RIPE, (kind, tx.now_us - grace_us, names[0], names[-1])).fetchall()}
    due = [name for name in names if name in ripe]
    removed = remove(tx, due)
    _forget(tx, kind, due)
    return removed


def _forget(tx: Transaction, kind: Doomed, names: Sequence[str]) -> None:
    tx.db.executemany(_FORGET, [(kind, name) for name in names])


def _slots(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + SLOT] for start in range(0, len(names), SLOT)]
