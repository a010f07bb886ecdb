"""Durations: protobuf's JSON form ``300s`` and Go's ``1h30m``, in seconds.

Source: https://protobuf.dev/programming-guides/json/ and https://pkg.go.dev/time#ParseDuration
"""

from __future__ import annotations

import re
from decimal import Decimal

from runner.model.errors import Invalid

_UNITS = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("1e-3"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),  # U+00B5, micro sign
    "μs": Decimal("1e-6"),  # U+03BC, Greek mu, which Go takes too
    "ns": Decimal("1e-9"),
}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|m|us|µs|μs|ns|s)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_LONGEST_TEXT = 64
_LONGEST_SECONDS = 315_576_000_000  # ten thousand years, protobuf's own bound


class InvalidDuration(Invalid):
    """The text is no duration."""


def parse_duration(text: str) -> float:
    """Return the seconds of *text*, such as ``300s``, ``1.5s``, ``5m`` or ``1h30m``.

    Raises:
        InvalidDuration: It has another form, is negative, or longer than ten thousand years.
    """
    if len(text) > _LONGEST_TEXT or _WHOLE.fullmatch(text) is None:
        raise InvalidDuration(f"{text[:_LONGEST_TEXT]!r} is no duration", hint='write "300s", "5m" or "1h30m"')
    seconds = sum(Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST_SECONDS:
        raise InvalidDuration(f"{text!r} is longer than ten thousand years", hint='write "300s", "5m" or "1h30m"')
    return float(seconds)


def format_duration(seconds: float) -> str:
    """Return *seconds* in protobuf's JSON form, to the nanosecond."""
    text = f"{Decimal(str(seconds)):.9f}".rstrip("0").rstrip(".")
    return f"{text}s"
