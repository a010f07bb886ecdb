"""Everything below a path, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from runner.store.files.lanes import in_lanes
from runner.store.writing.changes import Change

AT_ONCE = 256


async def delete_below(change: Change, prefix: bytes, *, keep: Sequence[bytes] = ()) -> int:
    """Delete what the branch held under *prefix* when the change began; return how many objects that were.

    Args:
        change: Of the branch.
        prefix: Of the keys.
        keep: Keys that stay, without *prefix*, in order.
    """
    wanted = iter(keep)
    key = next(wanted, None)
    doomed: list[bytes] = []
    count = 0
    async with aclosing(change.walk(prefix)) as rows:
        async for row in rows:
            name = row.key[len(prefix) :]
            while key is not None and key < name:
                key = next(wanted, None)
            if key != name:
                doomed.append(row.key)
                count += 1
            if len(doomed) == AT_ONCE:
                await in_lanes(iter(doomed), change.delete, lanes=AT_ONCE)
                doomed.clear()
    await in_lanes(iter(doomed), change.delete, lanes=AT_ONCE)
    return count
