"""How far something long is: one line that is redrawn on a terminal and gone at the end, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

from rich.text import Text

from runner.cli import words
from runner.cli.looks import Look, look_at
from runner.cli.options import Options
from runner.cli.screen import Screen
from runner.store.files import Counts, Progress

FRAME_SECONDS = 1 / 8
QUIET_SECONDS = 0.3
"""What is over sooner shows no line."""
LINES_AT_SECONDS = (30, 60, 120, 300)
"""When a line is written where nothing can be redrawn; later ones are as far apart as the last of these is late."""


@contextmanager
def progress_line(verb: str, options: Options, stream: TextIO | None = None) -> Iterator[Progress]:
    """Give what is told of progress with objects for as long as the block runs."""
    with progress_of_parts(options, stream) as tell:
        yield partial(tell, verb, "object")


@contextmanager
def progress_of_parts(
    options: Options, stream: TextIO | None = None
) -> Iterator[Callable[[str, str, Counts, Counts], None]]:
    """Give what is told of progress for as long as the block runs: what is done, with what, how many, of how many."""
    stream = stream or sys.stderr
    line = _Line(stream, is_quiet=options.quiet)
    try:
        yield line.tell
    finally:
        line.close()


class _Line:
    def __init__(self, stream: TextIO, *, is_quiet: bool) -> None:
        self._stream = stream
        self._look = look_at(stream)
        self._screen = Screen(stream) if self._look.moves and not is_quiet else None
        self._is_quiet = is_quiet
        self._part = ("", "")
        self._began = self._part_began = self._drawn = time.monotonic()
        self._lines = 0

    def tell(self, verb: str, thing: str, done: Counts, total: Counts) -> None:
        now = time.monotonic()
        if (verb, thing) != self._part:
            self._part, self._part_began = (verb, thing), now
        if self._is_quiet:
            return
        seconds = max(now - self._part_began, FRAME_SECONDS)
        text = partial(progress_text, verb, done, total, seconds, self._look, thing=thing)
        if self._screen is None:
            if now - self._began >= self._due():
                self._lines += 1
                self._stream.write(f"{text().plain.strip()}\n")
                self._stream.flush()
        elif now - self._began >= QUIET_SECONDS and now - self._drawn >= FRAME_SECONDS:
            self._drawn = now
            self._screen.draw([text()], self._look)

    def close(self) -> None:
        if self._screen is not None and self._drawn != self._began:
            self._screen.close(self._look)

    def _due(self) -> float:
        beyond = self._lines - len(LINES_AT_SECONDS) + 1
        return LINES_AT_SECONDS[self._lines] if beyond <= 0 else LINES_AT_SECONDS[-1] * (1 + beyond)


def progress_text(verb: str, done: Counts, total: Counts, seconds: float, look: Look, *, thing: str = "object") -> Text:
    """Write what is done of what there is, and how fast it went so far."""
    line = Text.assemble((look.pick("●", "*"), "blue"), f" {verb}  ")
    line.append(f"{words.count(done.objects)} of {words.count(total.objects, thing)}  ")
    if total.size_bytes:
        line.append(f"{words.size(done.size_bytes)} of {words.size(total.size_bytes)}  ")
        line.append(f"{words.rate(done.size_bytes / seconds)}  ", style="dim")
    line.append(words.ticking(seconds), style="dim")
    if look.columns:
        line.truncate(max(look.columns - 1, 1), overflow="ellipsis" if look.unicode else "crop")
    return line
