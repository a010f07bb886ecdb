"""Modification times as rclone keeps them: user metadata ``mtime``, seconds since 1970 with up to nine decimals.

Source: https://rclone.org/s3/#modification-times-and-hashes
"""

from __future__ import annotations

import re

from runner.model.entry import Attributes
from runner.store.layers.entries import MTIME

_FORM = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9})\d*)?", re.ASCII)
_NS = 1_000_000_000


def encode(mtime_ns: int) -> str:
    """Return the text for nanoseconds since 1970."""
    seconds, rest = divmod(abs(mtime_ns), _NS)
    decimals = f"{rest:09}".rstrip("0")
    return f"{'-' if mtime_ns < 0 else ''}{seconds}{'.' if decimals else ''}{decimals}"


def decode(attributes: Attributes) -> int | None:
    """Return nanoseconds since 1970; None when there is no time, or none that can be read."""
    match = _FORM.fullmatch(attributes.metadata.get(MTIME, ""))
    if match is None:
        return None
    sign, seconds, decimals = match.groups("")
    value = int(seconds) * _NS + int(decimals.ljust(9, "0"))
    return -value if sign else value
