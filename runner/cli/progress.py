"""How far an import or export is, as one line that is redrawn on a terminal and gone at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.text import Text

from runner.cli import words
from runner.cli.looks import Look, look_at
from runner.cli.options import Options
from runner.cli.screen import Screen
from runner.store.files import Counts, Progress
from runner.store.files.counts import silent

FRAME_SECONDS = 1 / 8
QUIET_SECONDS = 0.3
"""What is over sooner shows no line."""


@contextmanager
def progress_line(verb: str, options: Options, stream: TextIO | None = None) -> Iterator[Progress]:
    """Give what is told of progress for as long as the block runs; where nobody looks on it is silent."""
    stream = stream or sys.stderr
    look = look_at(stream)
    if options.quiet or not look.moves:
        yield silent
        return
    screen = Screen(stream)
    began = drawn = time.monotonic()

    def tell(done: Counts, total: Counts) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - began >= QUIET_SECONDS and now - drawn >= FRAME_SECONDS:
            drawn = now
            screen.draw([progress_text(verb, done, total, now - began, look)], look)

    try:
        yield tell
    finally:
        if drawn != began:
            screen.close(look)


def progress_text(verb: str, done: Counts, total: Counts, seconds: float, look: Look) -> Text:
    """Write what is done of what there is, and how fast it went so far."""
    objects = f"{words.count(done.objects)} of {words.count(total.objects, 'object')}"
    sizes = f"{words.size(done.size_bytes)} of {words.size(total.size_bytes)}"
    line = Text.assemble((look.pick("●", "*"), "blue"), f" {verb}  {objects}  {sizes}  ")
    line.append(f"{words.rate(done.size_bytes / seconds)}  {words.ticking(seconds)}", style="dim")
    line.truncate(max((look.columns or len(line)) - 1, 1), overflow="ellipsis" if look.unicode else "crop")
    return line
