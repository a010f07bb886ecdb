"""Conditional requests: what the client makes its request depend on.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum

from runner.gateway.errors import S3Error
from runner.model.entry import Condition, Entry

SIZE_DIGITS_MAX = 20


class Verdict(Enum):
    """What the conditions of a read come to."""

    PASSED = "passed"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def http_date(moment: datetime) -> str:
    """Return *moment* as headers write it, to the whole second."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_http_date(text: str) -> datetime | None:
    """Return the moment that a header names; None when it is no date, which RFC 9110 has servers ignore."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def etags(header: str) -> tuple[str, ...]:
    """Return the entity tags of a header, quoted or not, without quotes; ``*`` stays."""
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))
    return tuple(tag for tag in tags if tag)


def judge_read(headers: Mapping[str, str], entry: Entry, prefix: str = "") -> Verdict:
    """Return whether *entry* is what the client wants to read.

    An entity tag outweighs a date of the same sense, as RFC 9110 orders them.

    Args:
        headers: By lower-case name.
        entry: The object.
        prefix: Of the four names; ``x-amz-copy-source-`` where the source of a copy is judged.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-precedence-of-preconditions
    """
    modified = entry.modified.replace(microsecond=0)
    wanted = headers.get(prefix + "if-match")
    if wanted is not None:
        if not _names(wanted, entry):
            return Verdict.FAILED
    elif (moment := _moment(headers, prefix + "if-unmodified-since")) and modified > moment:
        return Verdict.FAILED
    known = headers.get(prefix + "if-none-match")
    if known is not None:
        return Verdict.NOT_MODIFIED if _names(known, entry) else Verdict.PASSED
    moment = _moment(headers, prefix + "if-modified-since")
    return Verdict.NOT_MODIFIED if moment and modified <= moment else Verdict.PASSED


def is_range_current(headers: Mapping[str, str], entry: Entry) -> bool:
    """Return whether the Range of the request still applies: If-Range is absent, or names *entry* as it is."""
    header = headers.get("if-range")
    if header is None:
        return True
    moment = parse_http_date(header)
    if moment is not None:
        return entry.modified.replace(microsecond=0) == moment
    return header.strip().strip('"') == entry.etag


def write_condition(headers: Mapping[str, str]) -> Condition:
    """Return what a write depends on; the store judges it where the write becomes visible."""
    return Condition(
        if_match=_given(headers, "if-match"),
        if_none_match=_given(headers, "if-none-match"),
    )


def delete_condition(headers: Mapping[str, str]) -> Condition:
    """Return what a deletion depends on.

    Raises:
        S3Error: InvalidArgument: a condition cannot be read, and so not be kept.
    """
    date, size = headers.get("x-amz-if-match-last-modified-time"), headers.get("x-amz-if-match-size")
    condition = Condition(
        if_match=_given(headers, "if-match"),
        if_modified=None if date is None else parse_date(date),
        if_size=None if size is None else parse_size(size),
    )
    if (date is not None and condition.if_modified is None) or (size is not None and condition.if_size is None):
        raise S3Error("InvalidArgument", "A condition of the deletion is malformed.")
    return condition


def parse_date(text: str) -> datetime | None:
    """Return the moment that a condition names, to the whole second, as headers or as documents write it."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        parsed = parse_http_date(text)
        return None if parsed is None else parsed.replace(microsecond=0)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)


def parse_size(text: str) -> int | None:
    """Return the number of bytes that a condition names; None when it is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= SIZE_DIGITS_MAX else None


def _given(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Read one header of a write; sent without any tag it would silently be no condition, so it is refused."""
    header = headers.get(name)
    if header is None:
        return ()
    found = etags(header)
    if not found:
        raise S3Error("InvalidArgument", f"The {name} header holds no entity tag.")
    return found


def _names(header: str, entry: Entry) -> bool:
    tags = etags(header)
    return "*" in tags or entry.etag in tags


def _moment(headers: Mapping[str, str], name: str) -> datetime | None:
    header = headers.get(name)
    return None if header is None else parse_http_date(header)
