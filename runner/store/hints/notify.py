"""Hints between the hosts on a PostgreSQL store: LISTEN and NOTIFY. A connection that was lost is a hint itself.

Source: https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from runner.store.line import Line

CHANGES = "runner_changes"
LINES = "runner_lines"


class NotifyHints:
    """As `runner.store.hints.Hints`, over *line*; those of this process need no database."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._news: set[NotifyNews] = set()
        line.on_hint(self._hear)

    def tell(self, *, lines: bool = False) -> None:
        """As `Hints.tell`."""
        channel = LINES if lines else CHANGES
        self._hear(channel)
        self._line.tell(channel)

    @asynccontextmanager
    async def listen(self, *, lines: bool = False) -> AsyncIterator[NotifyNews]:
        """As `Hints.listen`."""
        for channel in (CHANGES, LINES) if lines else (CHANGES,):
            await self._line.listen(channel)
        news = NotifyNews(hears_lines=lines)
        self._news.add(news)
        try:
            yield news
        finally:
            self._news.remove(news)

    def _hear(self, channel: str | None) -> None:
        for news in self._news:
            if news.hears_lines or channel != LINES:
                news.come()


class NotifyNews:
    """As `runner.store.hints.News`."""

    def __init__(self, *, hears_lines: bool) -> None:
        self.hears_lines = hears_lines
        self._came = trio.Event()

    def come(self) -> None:
        """Let `wait` return."""
        self._came.set()

    async def wait(self) -> None:
        """As `News.wait`."""
        await self._came.wait()
        self._came = trio.Event()
