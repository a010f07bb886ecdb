"""Owners on several hosts: leases, rows of the table `lease` that their holders renew.

A lease that was not renewed in time may be taken by another; until that happens it is its holder's, who may renew it.
The clock is the database's. What the holder writes locks the row, so that the lease is his until that is durable, and
names the token that he drew when he took it, so that he finds out. After a start of the database no lease runs out for
as long as a lease lasts: nobody could renew one before.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from runner.model.errors import Unavailable
from runner.store.catalog.engine import Transaction
from runner.store.line import Connection, Line
from runner.store.owners import OwnerLost

RELEASE_SECONDS = 5.0
RENEWALS = 3
"""So often a lease is renewed within the time that it lasts."""

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_STARTED = "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"
_IS_FREE = f"lease.expires_us <= {_NOW} AND {_STARTED} + %(ttl_us)s <= {_NOW}"
_TAKE = f"""
    INSERT INTO lease (name, holder, expires_us) VALUES (%(name)s, %(holder)s, {_NOW} + %(ttl_us)s)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_us = excluded.expires_us
    WHERE lease.holder = excluded.holder OR ({_IS_FREE})
"""  # noqa: S608  # constants
_RENEW = f"""
    UPDATE lease SET expires_us = {_NOW} + %(ttl_us)s WHERE name = %(name)s AND holder = %(holder)s
"""  # noqa: S608  # constants
_RELEASE = "DELETE FROM lease WHERE name = %(name)s AND holder = %(holder)s"
_HELD = f"SELECT name FROM lease WHERE name = ANY(%(names)s) AND NOT ({_IS_FREE})"  # noqa: S608  # constants
_IS_OURS = "SELECT 1 FROM lease WHERE name = ? AND holder = ? FOR SHARE"


class LeaseOwners:
    """As `runner.store.owners.Owners`, while `run` renews what this process holds.

    Args:
        line: To the database.
        ttl_seconds: How long a lease lasts that is not renewed.
    """

    def __init__(self, line: Line, ttl_seconds: float) -> None:
        self.linger_seconds = ttl_seconds
        self._line = line
        self._held: set[LeaseOwner] = set()
        self._closing = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Renew the leases of this process until `close`; shielded, for clean-up elsewhere."""
        with trio.CancelScope(shield=True):
            task_status.started()
            while not self._closing.is_set():
                with trio.move_on_after(self.linger_seconds / RENEWALS):
                    await self._closing.wait()
                for owner in tuple(self._held):
                    with suppress(Unavailable):  # whether it is still ours is known when the database is back
                        await self._renew(owner)

    def close(self) -> None:
        """Let `run` return: nothing is held any more."""
        self._closing.set()

    async def take(self, name: str) -> LeaseOwner | None:
        """As `Owners.take`; raises `runner.store.line.Unreachable`."""
        owner = LeaseOwner(self, name)
        try:
            is_taken = await self._line.ask(partial(_changes, _TAKE, self._values(owner)))
        except BaseException:
            self._line.ask_soon(partial(_changes, _RELEASE, self._values(owner)))
            raise
        if not is_taken:
            return None
        self._held.add(owner)
        return owner

    async def is_held(self, name: str) -> bool:
        """As `Owners.is_held`; raises `runner.store.line.Unreachable`."""
        return bool(await self.find_held([name]))

    async def find_held(self, names: Sequence[str]) -> Collection[str]:
        """As `Owners.find_held`, in one statement; raises `runner.store.line.Unreachable`."""
        values = {"names": list(names), "ttl_us": self._ttl_us}
        rows = await self._line.ask(lambda connection: connection.execute(_HELD, values).fetchall())
        return {name for (name,) in rows}

    async def release(self, owner: LeaseOwner) -> None:
        """Let go of a lease; one that cannot be let go runs out."""
        if owner in self._held:
            self._held.remove(owner)
            with trio.move_on_after(RELEASE_SECONDS, shield=True), suppress(Unavailable):
                await self._line.ask(partial(_changes, _RELEASE, self._values(owner)))

    async def _renew(self, owner: LeaseOwner) -> None:
        is_ours = await self._line.ask(partial(_changes, _RENEW, self._values(owner)))
        if not is_ours and owner in self._held:
            self._held.remove(owner)
            owner.lost.set()

    @property
    def _ttl_us(self) -> int:
        return int(self.linger_seconds * 1_000_000)

    def _values(self, owner: LeaseOwner) -> Mapping[str, Any]:
        return {"name": owner.name, "holder": owner.token, "ttl_us": self._ttl_us}


class LeaseOwner:
    """As `runner.store.owners.Owner`. Made by `LeaseOwners.take`."""

    def __init__(self, owners: LeaseOwners, name: str) -> None:
        self.name = name
        self.token = secrets.token_hex(8)
        self.lost = trio.Event()
        self._owners = owners

    def require(self, tx: Transaction) -> None:
        """As `Owner.require`."""
        if tx.db.execute(_IS_OURS, (self.name, self.token)).fetchone() is None:
            raise OwnerLost(
                f"another process has taken over {self.name}", hint="this one could not reach the database for too long"
            )

    async def release(self) -> None:
        """As `Owner.release`."""
        await self._owners.release(self)


def _changes(statement: str, values: Mapping[str, Any], connection: Connection) -> bool:
    """Tell whether a statement changed a row."""
    return connection.execute(statement, values).rowcount > 0
