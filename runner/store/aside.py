"""Reads that may take a while: on another thread, with a connection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import trio

from runner.model.errors import Unavailable
from runner.store.catalog import tables as t
from runner.store.catalog.engine import CATALOG_NAME, OPERATIONAL_ERRORS, Catalog
from runner.store.store import Store


class StoreOutOfReach(Unavailable):
    """The catalog is not where it was, or cannot be read."""


@contextmanager
def aside(store: Store) -> Iterator[Catalog]:
    """Open the catalog as a process that has just begun would, for the thread that calls this.

    Raises:
        StoreOutOfReach: Also when what the block reads cannot be.
    """
    path = store.folder / CATALOG_NAME
    if not path.exists():  # SQLite would make it
        raise StoreOutOfReach(f"the store's catalog {path} is not there any more")
    try:
        catalog = Catalog(path)
        try:
            yield catalog
        finally:
            catalog.close()
    except OPERATIONAL_ERRORS as exc:
        raise StoreOutOfReach(f"the store's catalog {path} cannot be read: {exc}") from exc


async def probe(store: Store, limiter: trio.CapacityLimiter | None = None) -> None:
    """Tell whether the store is within reach.

    Args:
        store: Which.
        limiter: Of threads, so that those that a hung disk holds are not everybody's.

    Raises:
        StoreOutOfReach.

    Cancellation: leaves the thread, and its place in *limiter*, to whatever it waits for.
    """
    await trio.to_thread.run_sync(_probe, store, limiter=limiter, abandon_on_cancel=True)


def _probe(store: Store) -> None:
    with aside(store) as catalog:
        catalog.row(sa.select(t.meta))
