"""A terminal of so many columns, as far as the panel needs one: what was written, and what can be seen."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[(?P<args>[0-9;?]*)(?P<final>[A-Za-z])|(?P<char>[^\x1b])", re.DOTALL)


class Terminal:
    """Rows of text with a cursor; the scrollback and the screen are one."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self.row = self.column = 0
        self.raw = ""

    def feed(self, data: bytes) -> None:
        text = data.decode()
        self.raw += text
        for token in _TOKEN.finditer(text):
            if token["char"] is not None:
                self._put(token["char"])
            else:
                self._control(token["args"], token["final"])

    @property
    def lines(self) -> list[str]:
        lines = [row.rstrip() for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _put(self, char: str) -> None:
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self._down()
            self.column = 0  # the line discipline adds the return
        else:
            if self.column == self.columns:
                self._down()
                self.column = 0
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + char + row[self.column + 1 :]
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def _control(self, args: str, final: str) -> None:
        if final == "A":
            self.row = max(0, self.row - int(args or 1))
        elif final in "KJ":
            self.rows[self.row] = self.rows[self.row][: self.column]
            if final == "J":
                del self.rows[self.row + 1 :]
        elif final not in "mhl":
            raise AssertionError(f"the panel does not need {args}{final}")
