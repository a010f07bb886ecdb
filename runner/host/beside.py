"""A service that runs beside a block of code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

T_co = TypeVar("T_co", covariant=True)


class Service(Protocol[T_co]):
    """A long-running function that says when it is ready."""

    def __call__(self, *, task_status: trio.TaskStatus[T_co]) -> Awaitable[object]:
        """Run until cancelled."""


@asynccontextmanager
async def beside(service: Service[T_co]) -> AsyncIterator[T_co]:
    """Run *service* for as long as the block runs, and give what it reports when it is ready; then cancel it.

    Raises:
        Whatever the block raises, as it is; what the service raises comes in the nursery's group.
    """
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        ready = await nursery.start(service)
        try:
            yield ready
        except BaseException as exc:  # noqa: BLE001  # raised below, out of the nursery's group
            error = exc
        nursery.cancel_scope.cancel()
    if error is not None:
        raise error
