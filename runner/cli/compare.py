"""Two commits compared by the content of their objects."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from runner.model.commit import Commit
from runner.model.entry import Entry
from runner.store import Store
from runner.store.history import commits, repos
from runner.store.layers import tree
from runner.store.layers.entries import entry_of


class Difference(NamedTuple):
    """One key that differs; *before* None: it was added, *after* None: it was removed."""

    key: bytes
    before: Entry | None
    after: Entry | None

    @property
    def sign(self) -> str:
        """``+``, ``-`` or ``~``."""
        return "+" if self.before is None else "-" if self.after is None else "~"


async def compare(
    store: Store, before: Commit | None, after: Commit, prefix: bytes = b""
) -> AsyncGenerator[Difference, None]:
    """Yield what differs under *prefix*, in the order of keys; equal content under equal headers is the same.

    Args:
        store: Where.
        before: None: something that holds nothing.
        after: Another.
        prefix: Of the keys.
    """
    left = () if before is None else _layers(store, before)
    async with aclosing(tree.diff(store.catalog.db, left, _layers(store, after), prefix)) as rows:
        async for old, new in rows:
            row = new or old
            if row is not None:
                yield Difference(row.key, entry_of(old) if old else None, entry_of(new) if new else None)


def _layers(store: Store, commit: Commit) -> tree.ReadSet:
    db = store.catalog.db
    return commits.read_set(db, commits.require_id(db, repos.require(db, commit.project, commit.repo), commit.id))
