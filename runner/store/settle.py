"""Settling what dead processes left behind, by the state in which it stands."""

from __future__ import annotations

from runner.store.store import Store


async def settle(store: Store) -> None:
    """Settle."""
