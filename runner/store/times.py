"""Times as the catalog keeps them: microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def from_us(us: int) -> datetime: ...
@overload
def from_us(us: int | None) -> datetime | None: ...
def from_us(us: int | None) -> datetime | None:
    """Return the aware UTC time."""
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def to_us(time: datetime) -> int:
    """Return the number that is stored."""
    return (time - _EPOCH) // _MICROSECOND
