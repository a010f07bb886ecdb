"""Reads that may take a while: on another thread, with a connection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import trio

from runner.model.errors import Unavailable
from runner.store.catalog import query
from runner.store.catalog.engine import Catalog
from runner.store.catalog.schema import CatalogRefused
from runner.store.store import Store


class StoreOutOfReach(Unavailable):
    """The catalog is not where it was, or cannot be read."""


@contextmanager
def aside(store: Store) -> Iterator[Catalog]:
    """Open the catalog as a process that has just begun would, for the thread that calls this.

    Raises:
        StoreOutOfReach: Also when what the block reads cannot be.
    """
    try:
        with closing(store.engine.open_reader()) as catalog:
            yield catalog
    except CatalogRefused as exc:
        raise StoreOutOfReach(exc.message) from exc
    except store.engine.refusals as exc:
        raise StoreOutOfReach(f"the store's catalog {store.engine.place} cannot be read: {exc}") from exc


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
        query.value(catalog.db, "SELECT value FROM meta")
