"""Group commit: one task, one worker thread, up to 256 requests in one transaction.

A request is a function that gets a `Transaction`. Everything it reads there is what it will write on, so
conditions, states and fences are judged inside; an error it raises goes to its own waiter and to nobody else.
A request may carry small payloads: those of a group are appended to the open pack and synced once, before the
transaction begins, and each function gets the places of its own. Where bytes lie in an object store they go there
first (`packing`), and the request follows when they are durable.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar, cast

import trio

from runner.model.errors import Unavailable
from runner.store.blobs import Blobs, Payload, Place, see_in_time
from runner.store.blobs.packing import Packing
from runner.store.catalog.engine import Transaction, WriteConnection

GROUP_MAX_REQUESTS = 256
TIDY_COMMITS = 64
OUT_OF_REACH = "see whether its disk is full, or its database out of reach"

T = TypeVar("T")


class StoreUnavailable(Unavailable):
    """A transaction could not be written: disk full, or the disk failed."""


@dataclass(slots=True, eq=False)
class _Request:
    function: Callable[[Transaction, Sequence[Place]], object]
    payloads: Sequence[Payload]
    savepoint: bool
    begun: bool = False
    result: object = None
    error: BaseException | None = None
    done: trio.Event = field(default_factory=trio.Event)


class _Lost(Exception):
    """A mistake of one request took the transaction of its group with it."""

    def __init__(self, request: _Request) -> None:
        super().__init__("the store's catalog was not written, since a write beside it failed")
        self.request = request


class Writer:
    """The only writer of this process; `run` must be running while requests are submitted."""

    def __init__(self, connection: WriteConnection, blobs: Blobs) -> None:
        self._connection = connection
        self._blobs = blobs
        self._packing = Packing(blobs) if blobs.is_remote else None
        self._queue: deque[_Request] = deque()
        self._wake = trio.Event()
        self._closing = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is submitted until `close`; then tidy up and return.

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
                if commits % TIDY_COMMITS == 0:
                    await trio.to_thread.run_sync(self._connection.tidy)
            await trio.to_thread.run_sync(partial(self._connection.tidy, last=True))

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
            StoreUnavailable: The whole group could not be written, or another request's mistake undid it.
            Whatever *function* raises.

        Cancellation: before the group begins nothing happened; once begun the outcome is awaited, shielded,
            and what was written stays, as after a lost reply.
        """
        return cast("T", await self._submit(_Request(lambda tx, _places: function(tx), (), savepoint)))

    async def write_payload(self, payload: Payload, function: Callable[[Transaction, Place], T]) -> T:
        """As `write_payloads`, of one."""
        return await self.write_payloads([payload], lambda tx, places: function(tx, places[0]))

    async def write_payloads(
        self, payloads: Sequence[Payload], function: Callable[[Transaction, Sequence[Place]], T]
    ) -> T:
        """As `write`, after *payloads* lie durably in packs; *function* gets their places.

        *function* raises only before it writes. Payloads that it refuses stay in their pack as garbage.
        """
        if self._packing is not None:
            stored_us = time.time_ns() // 1000
            places = await self._packing.append(payloads)

            def name(tx: Transaction) -> T:
                see_in_time(stored_us, tx.now_us)
                return function(tx, places)

            return await self.write(name, savepoint=False)
        return cast("T", await self._submit(_Request(function, payloads, savepoint=False)))

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
                    self._apply(transaction, request, places.get(request, ()))
        except _Lost as exc:
            _fail([request for request in group if request is not exc.request], str(exc), exc, hint="try again")
        except Unavailable as exc:
            _fail(group, exc.message, exc, hint=exc.hint or OUT_OF_REACH)
        except OSError as exc:
            _fail(group, f"the store's catalog cannot be written: {exc}", exc)
        except self._connection.errors as exc:
            _fail(group, f"the store's catalog cannot be written: {exc}", exc)

    def _append(self, group: Sequence[_Request]) -> dict[_Request, Sequence[Place]]:
        carriers = [request for request in group if request.payloads]
        if not carriers:
            return {}
        places = iter(self._blobs.append([payload for request in carriers for payload in request.payloads]))
        return {request: list(islice(places, len(request.payloads))) for request in carriers}

    def _apply(self, transaction: Transaction, request: _Request, places: Sequence[Place]) -> None:
        """Run one request; its own errors are its own, a transaction that is lost by one is everybody's."""
        db = transaction.db
        if request.savepoint:
            db.execute("SAVEPOINT request")
        try:
            request.result = request.function(transaction, places)
        except Exception as exc:  # a border: the error travels to the waiter's task
            refused = StoreUnavailable(f"the store's catalog cannot be written: {exc}")
            is_refusal = isinstance(exc, self._connection.refusals)
            request.error = refused if is_refusal else exc
            if not self._connection.undo("request" if request.savepoint else None):
                raise refused if is_refusal else _Lost(request) from exc
        if request.savepoint:
            db.execute("RELEASE request")


def _fail(group: Sequence[_Request], message: str, cause: Exception, *, hint: str = OUT_OF_REACH) -> None:
    for request in group:
        request.result = None
        request.error = StoreUnavailable(message, hint=hint)
        request.error.__cause__ = cause
