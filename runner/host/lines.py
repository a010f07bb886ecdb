"""Bytes of a pipe into lines of text, in bounded memory whatever arrives."""

from __future__ import annotations

from runner.host.redact import Redactor

LINE_LIMIT_BYTES = 64 * 1024
_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80  # of a UTF-8 byte that does not begin a character
CUT = " [cut, the line goes on]"


class LineSplitter:
    r"""Splits one stream into lines without secrets.

    A line ends with a newline. Of a line that was overwritten by carriage returns, the last form counts, as a
    terminal would show it: progress meters are one line. Bytes that are not UTF-8 become ``\xNN``. A line
    above the limit comes in pieces, each but the last marked; no secret and no character is cut in two.
    """

    def __init__(self, redactor: Redactor, limit: int = LINE_LIMIT_BYTES) -> None:
        self._redactor = redactor
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes | bytearray) -> list[str]:
        """Take more bytes and return the lines that they complete."""
        *whole, rest = (self._rest + data).split(b"\n")
        lines: list[str] = []
        for line in whole:
            lines += self._pieces(_last_form(line), last=True)
        if len(rest) > self._limit and b"\r" in rest:
            rest = _last_form(rest) + (b"\r" if rest.endswith(b"\r") else b"")
        lines += self._pieces(rest, last=False)
        return lines

    def close(self) -> list[str]:
        """Return the last line when it did not end with a newline."""
        rest, self._rest = self._rest, b""
        return self._pieces(_last_form(rest), last=True) if rest else []

    def _pieces(self, line: bytes, *, last: bool) -> list[str]:
        """Cut *line* where it is too long; what may still grow is kept unless it is the *last* of its line."""
        pieces: list[str] = []
        if len(line) > self._limit:
            line = self._redactor.bytes(line)
        # A secret may begin before the cut and end in bytes that are still to come.
        reserve = 0 if last else self._redactor.longest_bytes
        while len(line) > self._limit + reserve:
            cut = _character_start(line, self._limit)
            pieces.append(line[:cut].decode(errors="backslashreplace") + CUT)
            line = line[cut:]
        if not last:
            self._rest = line
            return pieces
        self._rest = b""
        return [*pieces, self._redactor.bytes(line).decode(errors="backslashreplace")]


def _last_form(line: bytes) -> bytes:
    """Return what a terminal would show of a line with carriage returns."""
    return line.rstrip(b"\r").rpartition(b"\r")[2] if b"\r" in line else line


def _character_start(data: bytes, position: int) -> int:
    """Return *position*, or up to three bytes before it, where a UTF-8 character begins."""
    for candidate in range(position, position - 4, -1):
        if data[candidate] & _CONTINUATION_MASK != _CONTINUATION:
            return candidate
    return position
