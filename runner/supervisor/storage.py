"""The store that the settings name."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from runner.host.sections import Settings
from runner.store import Store, StoreSettings, open_store


def open_configured(settings: Settings, *, settles: bool = True) -> AbstractAsyncContextManager[Store]:
    """Open the store, for whoever only looks without settling what dead processes left; raises as `open_store`."""
    return open_store(settings.store, settings=storage_of(settings, settles=settles))


def storage_of(settings: Settings, *, settles: bool = True) -> StoreSettings:
    """Return what the settings say of the store."""
    return StoreSettings(
        allow_network_folder=settings.storage.allow_network_folder,
        blobs=settings.blobs,
        retry_seconds=settings.storage.retry_seconds,
        settles=settles,
        hosts=settings.storage.hosts,
        lease_seconds=settings.storage.lease_seconds,
    )
