"""Reads that may take a while: on another thread, with a connection of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
import trio

from runner.model.errors import Unavailable
from runner.store.catalog import tables as t
from runner.store.catalog.engine import CATALOG_NAME, OPERATIONAL_ERRORS, Catalog
from runner.store.store import Store

T = TypeVar("T")


class StoreOutOfReach(Unavailable):
    """The catalog is not where it was, or cannot be read."""


async def read_aside(store: Store, read: Callable[[Catalog], T]) -> T:
    """Return what *read* makes of the catalog, which it gets as a process that has just begun would.

    Raises:
        StoreOutOfReach.
        Whatever *read* raises.
    """
    return await trio.to_thread.run_sync(_open_and_read, store, read)


async def probe(store: Store) -> None:
    """Tell whether the store is within reach; raises `StoreOutOfReach`."""
    await read_aside(store, lambda catalog: catalog.row(sa.select(t.meta)))


def _open_and_read(store: Store, read: Callable[[Catalog], T]) -> T:
    path = store.folder / CATALOG_NAME
    if not path.exists():  # SQLite would make it
        raise StoreOutOfReach(f"the store's catalog {path} is not there any more")
    try:
        catalog = Catalog(path)
        try:
            return read(catalog)
        finally:
            catalog.close()
    except OPERATIONAL_ERRORS as exc:
        raise StoreOutOfReach(f"the store's catalog {path} cannot be read: {exc}") from exc
