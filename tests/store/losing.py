"""Owners who may lose a name and go on, as a process does that was cut off from the others for a while."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import trio

from runner.store.catalog.engine import Transaction
from runner.store.owners import OwnerLost


class LosingOwners:
    """As `runner.store.owners.Owners`, for the owners of one process."""

    linger_seconds = 0.0

    def __init__(self) -> None:
        self.holders: dict[str, LosingOwner] = {}

    async def take(self, name: str) -> LosingOwner | None:
        await trio.lowlevel.checkpoint()
        if name in self.holders:
            return None
        owner = self.holders[name] = LosingOwner(self, name)
        return owner

    async def is_held(self, name: str) -> bool:
        await trio.lowlevel.checkpoint()
        return name in self.holders

    async def find_held(self, names: Sequence[str]) -> Collection[str]:
        await trio.lowlevel.checkpoint()
        return [name for name in names if name in self.holders]

    def run_out(self, kind: str) -> None:
        """Let all names of a kind be free; who held them does not know it."""
        for name in [name for name in self.holders if name.startswith(kind)]:
            del self.holders[name]

    def lose(self, kind: str) -> None:
        """Let all names of a kind be free, and let those who held them know."""
        losers = [owner for name, owner in self.holders.items() if name.startswith(kind)]
        self.run_out(kind)
        for owner in losers:
            owner.lost.set()


class LosingOwner:
    def __init__(self, owners: LosingOwners, name: str) -> None:
        self.name = name
        self.lost = trio.Event()
        self._owners = owners

    def require(self, tx: Transaction) -> None:
        if self._owners.holders.get(self.name) is not self:
            raise OwnerLost(f"another process has {self.name}")

    async def release(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._owners.holders.get(self.name) is self:
            del self._owners.holders[self.name]
