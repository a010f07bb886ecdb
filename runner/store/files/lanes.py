"""The same for many things, some at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import trio

T = TypeVar("T")


async def in_lanes(items: Iterator[T], function: Callable[[T], Awaitable[object]], *, lanes: int) -> None:
    """Await *function* for every item, at most *lanes* at once.

    Items are taken when their turn comes. The first error ends the others and is raised as it is, in no group.
    """
    errors: list[Exception] = []

    async def lane() -> None:
        for item in items:
            try:
                await function(item)
            except Exception as exc:  # noqa: BLE001  # carried out of the nursery
                errors.append(exc)
                nursery.cancel_scope.cancel()
                return

    async with trio.open_nursery() as nursery:
        for _ in range(lanes):
            nursery.start_soon(lane)
    if errors:
        raise errors[0]
