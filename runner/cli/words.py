"""How figures, times and foreign text are written for people: one way everywhere."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

_KIB = 1024
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
SHORT_ID = 8


def duration(seconds: float) -> str:
    """Write a length of time: ``0.4s``, ``41s``, ``1m 02s``, ``2h 05m``, ``3d 04h``."""
    seconds = max(seconds, 0.0)
    whole = round(seconds)
    if whole >= _DAY:
        return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}h"
    if whole >= _HOUR:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    if whole >= _MINUTE:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    tenths = f"{seconds:.1f}s"
    return tenths if len(tenths) == len("0.4s") else f"{whole}s"


def ticking(seconds: float) -> str:
    """Write a length of time that still grows: without tenths, which would only flicker."""
    return duration(seconds) if seconds >= _MINUTE else f"{int(seconds)}s"


def size(size_bytes: float) -> str:
    """Write a size in binary units with one decimal, as ``aws`` and ``pachctl`` do; bytes below 1 KiB whole."""
    if size_bytes < _KIB:
        return f"{size_bytes:.0f} B"
    value = float(size_bytes)
    for unit in _UNITS:
        value /= _KIB
        # 1,023.95 would be rounded to 1024.0: that is 1.0 of the next unit.
        if round(value, 1) < _KIB or unit == _UNITS[-1]:
            return f"{value:.1f} {unit}"
    raise AssertionError


def rate(bytes_per_second: float) -> str:
    """Write a speed: ``24.1 MiB/s``."""
    return f"{size(bytes_per_second)}/s"


def count(number: int, thing: str = "") -> str:
    """Write a count with thousands commas and, if given, what is counted: ``1 object``, ``1,310 objects``."""
    if not thing:
        return f"{number:,}"
    plural = thing if number == 1 else f"{thing[:-1]}ies" if thing.endswith("ry") else f"{thing}s"
    return f"{number:,} {plural}"


def rfc3339(moment: datetime) -> str:
    """Write an aware time in UTC with microseconds where it has some: ``2026-11-22T09:14:03.113204Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def clock(moment: datetime, now: datetime) -> str:
    """Write a time as read in the zone of *now*: ``09:41`` today, ``Nov 21 09:41`` this year, else with the year."""
    local = moment.astimezone(now.tzinfo)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    if local.year == now.year:
        return f"{local:%b} {local.day} {local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def short(identifier: str) -> str:
    """Cut an id to what still names it: 8 digits."""
    return identifier[:SHORT_ID]


def visible(text: str) -> str:
    """Show control, bidirectional and other unprintable characters as escapes, so that foreign text stays text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or unicodedata.category(char) == "Zs" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def key(key: bytes) -> str:
    """Show an object's key."""
    return visible(key.decode("utf-8", "backslashreplace"))
