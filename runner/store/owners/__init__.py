"""Who is alive: what a process owns under a name while it works, and lets go of when it dies.

A name is taken before a row mentions it, so a row whose name nobody holds belongs to nobody, and whoever meets it may
settle it. A process that could not be reached for long may find its name taken, and does not know it yet: what it
writes as the owner is judged by `fenced`, in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

from runner.model.errors import Conflict
from runner.model.job import JobKey
from runner.store.catalog.engine import Transaction

T = TypeVar("T")


class OwnerLost(Conflict):
    """This process could not be reached for too long, and another has taken over what it did."""


class Owner(Protocol):
    """What this process holds under one name."""

    @property
    def name(self) -> str:
        """The name, as rows mention it."""

    @property
    def lost(self) -> trio.Event:
        """Set as soon as it is known that another has taken the name."""

    def require(self, tx: Transaction) -> None:
        """Raise `OwnerLost` unless the name is ours until *tx* ends."""

    async def release(self) -> None:
        """Let go of the name at once; safe to call twice.

        Cancellation: shielded, for some seconds at most.
        """


class Owners(Protocol):
    """The owners of a store, in all processes on it."""

    @property
    def linger_seconds(self) -> float:
        """For how long a name may seem to be held whose owner is dead."""

    async def take(self, name: str) -> Owner | None:
        """Become the owner of *name*; None: another process, or another part of this one, is.

        Cancellation: then nothing was taken.
        """

    async def is_held(self, name: str) -> bool:
        """Tell whether the owner of *name* is alive and at work."""

    async def find_held(self, names: Sequence[str]) -> Collection[str]:
        """Return those of *names* for which `is_held` holds."""


def fenced(owner: Owner, function: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    """Return *function* for the writer, to write as the owner alone; it raises `OwnerLost` as well."""

    def run(tx: Transaction) -> T:
        owner.require(tx)
        return function(tx)

    return run


@asynccontextmanager
async def owning(owners: Owners, name: str) -> AsyncIterator[Owner | None]:
    """Own *name* for as long as the block runs; None: it has an owner."""
    owner = await owners.take(name)
    try:
        yield owner
    finally:
        if owner is not None:
            await owner.release()


@asynccontextmanager
async def owning_new(owners: Owners, kind: str) -> AsyncIterator[Owner]:
    """Own a name that nobody has had, *kind* and a random end, for as long as the block runs."""
    async with owning(owners, f"{kind}-{secrets.token_hex(8)}") as owner:
        assert owner is not None  # noqa: S101  # the name is new
        yield owner


def job_owner(key: JobKey) -> str:
    """Return the name that whoever runs a job owns."""
    return f"job-{key.project}-{key.pipeline}-{key.id}"
