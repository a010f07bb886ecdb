"""A few lines at the foot of a terminal that are redrawn in place; what is printed above them stays.

The normal screen, never the alternate one. Each frame is one write: go up, overwrite, clear to the line's end. The old
lines are not cleared first, which would flicker; terminals that know synchronised output show it at once.

Sources: ECMA-48 (CUU, EL, ED); https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036 (mode 2026)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from rich.text import Text

from runner.cli.looks import Look, render

_BEGIN = "\x1b[?2026h"
_END = "\x1b[?2026l"
_CLEAR_LINE = "\x1b[K"
_CLEAR_BELOW = "\x1b[J"


class Screen:
    """Draws frames on a terminal; its calls may block as long as the terminal does."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._widths: Sequence[int] = ()

    def draw(self, lines: Sequence[Text], look: Look, above: Sequence[str] = ()) -> None:
        """Replace the last frame by *lines*, after printing *above*, whole lines that stay.

        A line of a frame must be narrower than the terminal.
        """
        out = [_BEGIN, self._home(look.columns or 80)]
        if above:
            # These may wrap, over rows of the old frame: clear them, within the same write.
            out += [_CLEAR_BELOW, *(f"{line}\n" for line in above)]
        out.append(f"{_CLEAR_LINE}\n".join(render(lines, look).removesuffix("\n").split("\n")) if lines else "")
        out += [_CLEAR_LINE, _CLEAR_BELOW, _END]
        self._widths = [line.cell_len for line in lines]
        self._write("".join(out))

    def close(self, look: Look, above: Sequence[str] = ()) -> None:
        """Take the frame away; *above* stays."""
        self.draw((), look, above)

    def _home(self, columns: int) -> str:
        """Go to the first row of the last frame; since a resize its lines may take more rows than then."""
        rows = sum(max(1, -(-width // columns)) for width in self._widths)
        return f"\x1b[{rows - 1}A\r" if rows > 1 else "\r"

    def _write(self, text: str) -> None:
        """Write it all by as few calls as the terminal takes: one, as a rule."""
        self._stream.flush()
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._stream.fileno(), data) :]
