"""Group commit: one task, one worker thread, up to 256 requests in one transaction.

A request is a function that gets a `Transaction`. Everything it reads there is what it will write on, so
conditions, states and fences are judged inside; an error it raises goes to its own waiter and to nobody else.
A request may carry a small payload: the payloads of a group are appended to the open pack and synced once,
before the transaction begins, and each function gets the place of its own.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast

import trio

from runner.model.errors import Unavailable
from runner.store.blobs import Blobs, Payload, Place
from runner.store.catalog.engine import OPERATIONAL_ERRORS, Transaction, WriteConnection

GROUP_MAX_REQUESTS = 256
CHECKPOINT_COMMITS = 64

T = TypeVar("T")


class StoreUnavailable(Unavailable):
    """A transaction could not be written: disk full, or the disk failed."""


@dataclass(slots=True, eq=False)
class _Request:
    function: Callable[[Transaction, Place | None], object]
    payload: Payload | None
    savepoint: bool
    begun: bool = False
    result: object = None
    error: BaseException | None = None
    done: trio.Event = field(default_factory=trio.Event)


class Writer:
    """The only writer of this process; `run` must be running while requests are submitted."""

    def __init__(self, connection: WriteConnection, blobs: Blobs) -> None:
        self._connection = connection
        self._blobs = blobs
        self._queue: deque[_Request] = deque()
        self._wake = trio.Event()
        self._closing = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is submitted until `close`; then truncate the log and return.

        Cancellation: none; shielded, so that clean-up elsewhere can still write. `close` ends it.
        """
        with trio.CancelScope(shield=True):
            task_status.started()
            commits = 0
            while self._queue or not self._closing:
                if not self._queue:
                    self._wake = trio.Event()
                    await self._wake.wait()
                    continue
                await self._write_group()
                commits += 1
                if commits % CHECKPOINT_COMMITS == 0:
                    await trio.to_thread.run_sync(self._connection.checkpoint)
            await trio.to_thread.run_sync(partial(self._connection.checkpoint, truncate=True))

    def close(self) -> None:
        """Let `run` return once the queue is empty."""
        self._closing = True
        self._wake.set()

    async def write(self, function: Callable[[Transaction], T], *, savepoint: bool = True) -> T:
        """Run *function* in the next transaction and return its result once that is durable.

        Args:
            function: Called in the writer's thread. May raise; then nothing of what it wrote stays.
            savepoint: False for a hot function that raises only before it writes.

        Raises:
            StoreUnavailable: The whole group could not be written.
            Whatever *function* raises.

        Cancellation: before the group begins nothing happened; once begun the outcome is awaited, shielded,
            and what was written stays, as after a lost reply.
        """
        return cast("T", await self._submit(_Request(lambda tx, _place: function(tx), None, savepoint)))

    async def write_payload(self, payload: Payload, function: Callable[[Transaction, Place], T]) -> T:
        """As `write`, after *payload* lies durably in a pack; *function* gets its place.

        *function* raises only before it writes. A payload that it refuses stays in the pack as garbage.
        """
        request = _Request(lambda tx, place: function(tx, cast("Place", place)), payload, savepoint=False)
        return cast("T", await self._submit(request))

    async def _submit(self, request: _Request) -> object:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._queue.append(request)
        self._wake.set()
        try:
            await request.done.wait()
        except trio.Cancelled:
            if request.begun:
                with trio.CancelScope(shield=True):
                    await request.done.wait()
            else:
                self._queue.remove(request)
            raise
        if request.error is not None:
            raise request.error
        return request.result

    async def _write_group(self) -> None:
        group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_MAX_REQUESTS))]
        for request in group:
            request.begun = True
        await trio.to_thread.run_sync(self._commit, group)
        for request in group:
            request.done.set()

    def _commit(self, group: Sequence[_Request]) -> None:
        """Write one group; every request leaves with a result or an error."""
        try:
            places = self._append(group)
            with self._connection.begin() as transaction:
                for request in group:
                    self._apply(transaction, request, places.get(request))
        except Unavailable as exc:
            _fail(group, exc.message, exc)
        except (sqlite3.Error, OSError) as exc:
            _fail(group, f"the store's catalog cannot be written: {exc}", exc)

    def _append(self, group: Sequence[_Request]) -> dict[_Request, Place]:
        carriers = {request: request.payload for request in group if request.payload is not None}
        if not carriers:
            return {}
        places = self._blobs.append(list(carriers.values()))
        return dict(zip(carriers, places, strict=True))

    @staticmethod
    def _apply(transaction: Transaction, request: _Request, place: Place | None) -> None:
        """Run one request; its own errors are its own, a lost transaction is everybody's."""
        db = transaction.db
        if request.savepoint:
            db.execute("SAVEPOINT request")
        try:
            request.result = request.function(transaction, place)
        except Exception as exc:  # a border: the error travels to the waiter's task
            if not db.in_transaction:  # disk full and I/O errors roll the whole transaction back
                raise StoreUnavailable(f"the store's catalog cannot be written: {exc}") from exc
            if request.savepoint:
                db.execute("ROLLBACK TO request")
            is_refused = isinstance(exc, OPERATIONAL_ERRORS)
            request.error = StoreUnavailable(f"the store's catalog cannot be written: {exc}") if is_refused else exc
        if request.savepoint:
            db.execute("RELEASE request")


def _fail(group: Sequence[_Request], message: str, cause: Exception) -> None:
    for request in group:
        request.result = None
        request.error = StoreUnavailable(message, hint="see whether its disk is full")
        request.error.__cause__ = cause
