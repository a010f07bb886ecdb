"""How far a check is, and whether it is still wanted."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

from runner.store.files.counts import Counts

BREATH_SECONDS = 0.1

Tell = Callable[[str, Counts, Counts], None]
"""Told now and then, on the thread of the check: what a thing is that it looks at, how many it has seen, and how many
there are."""


def tell_nobody(_part: str, _done: Counts, _total: Counts) -> None:
    """Tell nobody."""


class Pace:
    """Called in a worker thread for each thing that is looked at: it tells of progress and heeds a cancellation."""

    def __init__(self, tell: Tell = tell_nobody) -> None:
        self._tell = tell
        self._part, self._done, self._total = "", Counts(), Counts()
        self._next_look = 0.0

    def begin(self, part: str, objects: int, size_bytes: int = 0) -> None:
        """Go over to another part: of so many things, or more, of so many bytes; *part* says what one of them is."""
        self._part, self._done, self._total = part, Counts(), Counts(objects, size_bytes)

    def __call__(self, objects: int = 1, size_bytes: int = 0) -> None:
        """Count what was seen; raises `trio.Cancelled`."""
        self._done.objects += objects
        self._done.size_bytes += size_bytes
        self._total.objects = max(self._total.objects, self._done.objects)
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + BREATH_SECONDS
            trio.from_thread.check_cancelled()
            self._tell(self._part, self._done, self._total)
