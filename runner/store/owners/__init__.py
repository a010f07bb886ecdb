"""Who is alive: what a process owns under a name while it works, and lets go of when it dies.

A name is taken before a row mentions it, so a row whose name nobody holds belongs to nobody, and whoever meets it may
settle it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from runner.model.job import JobKey


class Owner(Protocol):
    """What this process holds under one name."""

    @property
    def name(self) -> str:
        """The name, as rows mention it."""

    async def release(self) -> None:
        """Let go of the name at once; safe to call twice.

        Cancellation: shielded, for some seconds at most.
        """


class Owners(Protocol):
    """The owners of a store, in all processes on it."""

    async def take(self, name: str) -> Owner | None:
        """Become the owner of *name*; None: another process, or another part of this one, is.

        Cancellation: then nothing was taken.
        """

    async def is_held(self, name: str) -> bool:
        """Tell whether the owner of *name* is alive and at work."""


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
