"""Hints between the processes on one store: something has changed, look again.

A hint may be lost and means nothing by itself: what is there to do stands in the catalog. Jobs may write many lines a
second, so that a hint on those goes only to who follows a log.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class News(Protocol):
    """The hints that one listener gets."""

    async def wait(self) -> None:
        """Wait for a hint; all that came since the last time are one."""


class Hints(Protocol):
    """The hints of one store."""

    def tell(self, *, lines: bool = False) -> None:
        """Give everybody who listens a hint; never waits, never fails.

        Args:
            lines: All that is new are lines of a job's log.
        """

    def listen(self, *, lines: bool = False) -> AbstractAsyncContextManager[News]:
        """Hear hints for as long as the block runs, with *lines* also those on logs."""
