"""Small blobs on their way to an object store: what comes while some groups are under way forms the next group.

A disk syncs one group at a time, in the writer's own thread. An object store takes its time for each request and takes
many at once, so here some groups travel side by side, and the catalog's writer waits for none of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import trio

from runner.model.errors import Unavailable
from runner.store.blobs import Blobs, Payload, Place, StorageFailed

GROUPS_UNDER_WAY = 4
GROUP_MAX_BYTES = 8 * 1024 * 1024


@dataclass(slots=True, eq=False)
class _Load:
    payloads: Sequence[Payload]
    is_taken: bool = False
    places: Sequence[Place] = ()
    error: Exception | None = None
    done: trio.Event = field(default_factory=trio.Event)


class Packing:
    """Appends loads of payloads to *blobs*, which are remote. The first of a group carries it, in its own task."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._waiting: deque[_Load] = deque()
        self._turns = trio.Semaphore(GROUPS_UNDER_WAY)

    async def append(self, payloads: Sequence[Payload]) -> Sequence[Place]:
        """Store *payloads* in one pack or some, and return their places once they are durable.

        Raises:
            StorageFailed: None of them may be referred to.

        Cancellation: at once. What is under way goes on, for the others of its group; what is stored is garbage.
        """
        load = _Load(payloads)
        self._waiting.append(load)
        try:
            async with self._turns:
                if not load.is_taken:
                    await self._carry()
        except trio.Cancelled:
            if not load.is_taken:
                self._waiting.remove(load)
            raise
        await load.done.wait()
        if isinstance(load.error, Unavailable):
            raise StorageFailed(load.error.message, hint=load.error.hint) from load.error
        if load.error is not None:
            raise load.error
        return load.places

    async def _carry(self) -> None:
        """Take a group of what waits, and upload it."""
        group: list[_Load] = []
        size = 0
        while self._waiting and (not group or size < GROUP_MAX_BYTES):
            load = self._waiting.popleft()
            load.is_taken = True
            group.append(load)
            size += sum(len(payload.data) for payload in load.payloads)
        token = trio.lowlevel.current_trio_token()
        await trio.to_thread.run_sync(self._upload, group, token, abandon_on_cancel=True)

    def _upload(self, group: Sequence[_Load], token: trio.lowlevel.TrioToken) -> None:
        """Store a group and tell all of it, also when whoever carried it has gone."""
        try:
            places = iter(self._blobs.append([payload for load in group for payload in load.payloads]))
        except Exception as exc:  # noqa: BLE001  # a border: the error travels to the waiters' tasks
            for load in group:
                load.error = exc
        else:
            for load in group:
                load.places = list(islice(places, len(load.payloads)))
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(_tell, group)


def _tell(group: Sequence[_Load]) -> None:
    for load in group:
        load.done.set()
