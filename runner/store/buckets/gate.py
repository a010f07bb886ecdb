"""The end of a view: what comes later is refused, what is under way is broken off."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from types import TracebackType

import trio

from runner.model.errors import RunnerError
from runner.store.jobs.reads import Traffic
from runner.store.refusals import ViewClosed


class Gate:
    """Open until `close`."""

    def __init__(self) -> None:
        self._is_closed = False
        self._waiting: set[trio.CancelScope] = set()

    def check(self) -> None:
        """Raise `ViewClosed` after the end."""
        if self._is_closed:
            raise ViewClosed("the attempt has ended")

    def close(self) -> None:
        """Refuse what comes from now on and break off what waits for bytes; safe to call twice."""
        self._is_closed = True
        for scope in self._waiting:
            scope.cancel()

    async def guarded(self, pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield *pieces*; raises `ViewClosed` at the end of the view, also while it waits for the next one.

        What a transaction has been asked to write is not broken off: it finds the layer open or not.
        """
        iterator = aiter(pieces)
        while True:
            self.check()
            with trio.CancelScope() as scope:
                self._waiting.add(scope)
                try:
                    piece = await anext(iterator)
                except StopAsyncIteration:
                    return
                finally:
                    self._waiting.discard(scope)
            if scope.cancelled_caught:
                self.check()
            yield piece


class Door:
    """What each request to one bucket passes: refused after the end, counted in any case."""

    def __init__(self, gate: Gate, traffic: Traffic) -> None:
        self.gate = gate
        self.traffic = traffic

    def __enter__(self) -> None:
        self.traffic.requests += 1
        try:
            self.gate.check()
        except ViewClosed:
            self.traffic.failed += 1
            raise

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(error, RunnerError):
            self.traffic.failed += 1
