"""Takes secret values out of whatever is written down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
SHORTEST = 4  # characters: a shorter value would turn ordinary words into stars


class Redactor:
    """Replaces every value that it was told by ``***``, also in its percent-encoded form.

    A value of several lines, such as a private key, is known line by line, as a log shows it.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._text: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None
        self.longest_bytes = 0
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        """Learn more values; too short ones are passed over."""
        lines = (line.strip() for value in values for line in value.splitlines())
        known = {line for line in lines if len(line) >= SHORTEST}
        self._values |= known | {quote(line, safe="") for line in known}
        if not self._values:
            return
        forms = sorted(self._values, key=len, reverse=True)  # the longest wins where one begins another
        self._text = re.compile("|".join(map(re.escape, forms)))
        encoded = [form.encode(errors="surrogateescape") for form in forms]
        self._bytes = re.compile(b"|".join(map(re.escape, encoded)))
        self.longest_bytes = max(map(len, encoded))

    def text(self, text: str) -> str:
        """Return *text* without the values."""
        return self._text.sub(MASK, text) if self._text else text

    def bytes(self, data: bytes) -> bytes:
        """Return *data* without the values."""
        return self._bytes.sub(MASK.encode(), data) if self._bytes else data
