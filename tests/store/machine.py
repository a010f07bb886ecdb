"""A stateful test whose store lives in a trio loop of its own, since the rules of hypothesis are no coroutines."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from hypothesis.stateful import RuleBasedStateMachine

from runner.store import open_store


class StoreMachine(RuleBasedStateMachine):
    """Holds a store open from its start to `teardown`.

    Attributes:
        store: The open store; used by `call` alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._live, ready))
        self._thread.start()
        ready.wait()

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Hold open what a test needs beside the store."""
        yield

    def call(self, function, *args):
        """Run an async function in the loop of the store."""
        return trio.from_thread.run(function, *args, trio_token=self._token)

    def last_look(self) -> None:
        """Look at the store for the last time."""

    def teardown(self) -> None:
        try:
            self.last_look()
        finally:
            trio.from_thread.run_sync(self._end.set, trio_token=self._token)
            self._thread.join()
            self._folder.cleanup()

    async def _live(self, ready: threading.Event) -> None:
        self._end = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        async with open_store(Path(self._folder.name)) as self.store, self.around():
            ready.set()
            await self._end.wait()
