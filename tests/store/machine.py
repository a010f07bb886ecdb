"""A stateful test whose store lives in a trio loop of its own, since the rules of hypothesis are no coroutines."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio
from hypothesis.stateful import RuleBasedStateMachine

from runner.store import Store, open_store


class StoreMachine(RuleBasedStateMachine):
    """Holds a store open from its start to `teardown`.

    Attributes:
        store: The open store; used by `call` alone.
        folder: Where it may keep what it keeps in files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self._is_over = False
        self._changed = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._live,))
        self._thread.start()
        self._wait()

    def open(self) -> AbstractAsyncContextManager[Store]:
        """Open the store."""
        return open_store(Path(self.folder.name))

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Hold open what a test needs beside the store."""
        yield

    def call(self, function, *args):
        """Run an async function in the loop of the store."""
        return trio.from_thread.run(function, *args, trio_token=self._token)

    def reopen(self) -> None:
        """Close the store and open it again."""
        self._changed.clear()
        trio.from_thread.run_sync(self._end.set, trio_token=self._token)
        self._wait()

    def last_look(self) -> None:
        """Look at the store for the last time."""

    def teardown(self) -> None:
        try:
            self.last_look()
        finally:
            self._is_over = True
            trio.from_thread.run_sync(self._end.set, trio_token=self._token)
            self._thread.join()
            self.folder.cleanup()

    def _wait(self) -> None:
        self._changed.wait()
        assert self._thread.is_alive(), "the store could not be opened"

    async def _live(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        try:
            while not self._is_over:
                self._end = trio.Event()
                async with self.open() as self.store, self.around():
                    self._changed.set()
                    await self._end.wait()
        finally:
            self._changed.set()
