"""How the processes on a store reach each other: on one host by its folder, on several by the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import trio

from runner.store.hints import Hints
from runner.store.hints.folder import FolderHints
from runner.store.owners import Owners
from runner.store.owners.folder import FolderOwners


class Peers(NamedTuple):
    """The other processes, and this one."""

    owners: Owners
    hints: Hints


@asynccontextmanager
async def on_one_host(folder: Path) -> AsyncIterator[Peers]:
    """Reach processes through the store's *folder*, on a local disk; raises `LockRefused`."""
    owners = FolderOwners(folder)
    owners.forget_dead()
    yield Peers(owners, FolderHints(folder))


@asynccontextmanager
async def on_many_hosts(conninfo: str, lease_seconds: float) -> AsyncIterator[Peers]:
    """Reach processes through PostgreSQL.

    Args:
        conninfo: As libpq reads it.
        lease_seconds: After so long without a sign of a process its jobs are others' to settle.

    Raises:
        Whatever the block raises, as it is.

    Cancellation: the block's clean-up can still use both.
    """
    from runner.store.hints.notify import NotifyHints
    from runner.store.line import Line
    from runner.store.owners.leases import LeaseOwners

    line = Line(conninfo)
    owners, hints = LeaseOwners(line, lease_seconds), NotifyHints(line)
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        nursery.start_soon(owners.run)
        try:
            yield Peers(owners, hints)
        except BaseException as exc:  # noqa: BLE001  # raised below, out of the nursery's group
            error = exc
        owners.close()
        line.close()
    if error is not None:
        raise error
