"""What a stream can show, and how states look on it.

The glyph's shape comes first, the word always, colour last and only from the 16 of the reader's own theme.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TextIO

from runner.model.job import DatumState, JobState

if TYPE_CHECKING:
    from rich.text import Text

NARROW = 90
TINY = 50


@dataclass(frozen=True, slots=True)
class Look:
    """How one stream shows text.

    Attributes:
        is_terminal: A person is likely to read it: ids and times may be short.
        columns: Its width; None: unlimited, nothing is ever cut.
        colour: Whether it takes colours.
        unicode: Whether glyphs beyond ASCII may be used.
        moves: Whether its cursor can be moved, so that lines can be redrawn.
    """

    is_terminal: bool = False
    columns: int | None = None
    colour: bool = False
    unicode: bool = True
    moves: bool = False

    def pick(self, glyph: str, ascii_form: str) -> str:
        """Return *glyph* where it can be shown, else *ascii_form*."""
        return glyph if self.unicode else ascii_form


def look_at(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Look:
    """Find out what *stream* can show.

    Sources: https://no-color.org, terminfo(5) on ``TERM=dumb``.
    """
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    is_dumb = environ.get("TERM", "") == "dumb"
    unicode = encoding.startswith("utf") and not is_dumb
    if not stream.isatty():
        return Look(unicode=unicode)
    return Look(
        is_terminal=True,
        columns=columns_of(stream),
        colour=not environ.get("NO_COLOR") and not is_dumb,
        unicode=unicode,
        moves=not is_dumb,
    )


def columns_of(stream: TextIO) -> int:
    """Return the present width of the terminal behind *stream*; 80 when it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Sign(NamedTuple):
    """How one state is shown."""

    glyph: str
    ascii: str
    word: str
    style: str

    def text(self, look: Look) -> Text:
        """Return glyph and word, the same width for the glyph on every line."""
        from rich.text import Text

        mark = self.glyph if look.unicode else f"{self.ascii:<2}"
        return Text.assemble((f"{mark} {self.word}", self.style))


QUEUED = Sign("◌", ".", "queued", "dim")
RUNNING = Sign("●", "*", "running", "blue")
COMMITTING = Sign("●", "*", "committing", "blue")
SUCCEEDED = Sign("✓", "ok", "succeeded", "green")
FAILED = Sign("✗", "x", "failed", "bold red")
BLOCKED = Sign("▲", "!", "blocked", "yellow")
STOPPED = Sign("■", "#", "stopped", "dim")
SKIPPED = Sign("○", "-", "skipped", "dim")
RECOVERED = Sign("✓", "ok", "recovered", "green")

JOB_SIGNS: Mapping[JobState, Sign] = {
    JobState.CREATED: QUEUED,
    JobState.STARTING: RUNNING._replace(word="starting"),
    JobState.RUNNING: RUNNING,
    JobState.EGRESSING: COMMITTING._replace(word="exporting"),
    JobState.FINISHING: COMMITTING,
    JobState.SUCCESS: SUCCEEDED,
    JobState.FAILURE: FAILED,
    JobState.KILLED: STOPPED,
    JobState.UNRUNNABLE: BLOCKED,
}

DATUM_SIGNS: Mapping[DatumState, Sign] = {
    DatumState.STARTING: RUNNING,
    DatumState.SUCCESS: SUCCEEDED,
    DatumState.FAILED: FAILED,
    DatumState.SKIPPED: SKIPPED,
    DatumState.RECOVERED: RECOVERED,
    DatumState.UNKNOWN: QUEUED._replace(word="not run"),
}


def show(lines: Iterable[Text], look: Look, stream: TextIO | None = None, *, blanks: bool = False) -> None:
    """Write *lines*, each whole, without trailing *blanks* unless they mean something."""
    target = sys.stdout if stream is None else stream
    target.write(render(lines, look, blanks=blanks))
    target.flush()


def render(lines: Iterable[Text], look: Look, *, blanks: bool = False) -> str:
    """Return *lines* as what the stream takes, each with its line end."""
    if not look.colour:
        return "".join(f"{line.plain if blanks else line.plain.rstrip()}\n" for line in lines)
    from rich.console import Console

    console = Console(
        color_system="standard", force_terminal=True, width=10_000, highlight=False, markup=False, emoji=False
    )
    with console.capture() as capture:
        for line in lines:
            if not blanks:
                line.rstrip()
            console.print(line, soft_wrap=True)
    return capture.get()
