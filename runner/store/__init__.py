"""The versioned store. Knows no HTTP, no processes."""

from runner.store.opening import open_store
from runner.store.store import Store, StoreSettings

__all__ = ["Store", "StoreSettings", "open_store"]
