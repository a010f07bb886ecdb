"""Dates of requests, and how far they may be off. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from runner.gateway.errors import S3Error

MAX_SKEW = timedelta(minutes=15)

_BASIC = "%Y%m%dT%H%M%SZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str | None) -> datetime:
    """Return the time that a date header says, in ISO 8601's basic format or as mail has it.

    Raises:
        S3Error: AccessDenied: there is none, it cannot be read, or it lies before 1970.
    """
    moment = _parse(text.strip()) if text else None
    if moment is None or moment < _EPOCH:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header.")
    return moment


def _parse(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _BASIC).replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def basic(moment: datetime) -> str:
    """Return *moment* as signatures of version 4 write it."""
    return moment.strftime(_BASIC)


def check_skew(moment: datetime, now: datetime) -> None:
    """Refuse a request from another time.

    Raises:
        S3Error: RequestTimeTooSkewed.
    """
    if abs(moment - now) > MAX_SKEW:
        raise S3Error("RequestTimeTooSkewed")
