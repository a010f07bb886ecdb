"""Which bytes of an object a request asks for: one range, one part, or all of them."""

from __future__ import annotations

import re

from runner.gateway.errors import S3Error
from runner.model.entry import PART_NUMBER_MAX, Entry

_SINGLE = re.compile(r"bytes=([0-9]{0,4000})-([0-9]{0,4000})", re.IGNORECASE)
_COPY = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})")


def requested_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open range that a Range header asks for.

    S3 serves a single range; anything else, also a first byte above the last, counts as no range at all,
    which RFC 9110 allows a server to do.

    Args:
        header: The value as sent; None: the request has none.
        size: Of the object, in bytes.

    Returns:
        ``(first, end)``, never empty; None: the whole object.

    Raises:
        S3Error: InvalidRange: nothing of the object lies in it.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-range
    """
    match = _SINGLE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        first, end = max(size - int(match[2]), 0), size
    else:
        first = int(match[1])
        if match[2] and int(match[2]) < first:
            return None
        end = min(int(match[2]) + 1, size) if match[2] else size
    if first >= end:
        raise S3Error(
            "InvalidRange",
            headers={"Content-Range": f"bytes */{size}"},
            details={"RangeRequested": header or "", "ActualObjectSize": str(size)},
        )
    return first, end


def copied_range(header: str, size: int) -> tuple[int, int]:
    """Return the half-open range of ``x-amz-copy-source-range``, which must name both of its ends.

    Raises:
        S3Error: InvalidArgument: another form; InvalidRange: it passes the end of the source.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
    """
    match = _COPY.fullmatch(header)
    if match is None or int(match[2]) < int(match[1]):
        raise S3Error(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            details={"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header},
        )
    first, end = int(match[1]), int(match[2]) + 1
    if end > size:
        raise S3Error("InvalidRange", f"Range specified is not valid for source object of size: {size}", 400)
    return first, end


def part_number(text: str) -> int:
    """Return the number that a request calls a part by.

    Raises:
        S3Error: InvalidArgument: it is not within 1 to 10,000.
    """
    number = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not 1 <= number <= PART_NUMBER_MAX:
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive",
            details={"ArgumentName": "partNumber", "ArgumentValue": text},
        )
    return number


def part_range(entry: Entry, number: int) -> tuple[int, int]:
    """Return where the part called *number* lies in the object; an object that was put at once is part 1.

    Raises:
        S3Error: InvalidPart: the object has no such part.
    """
    if not entry.parts and number == 1:
        return 0, entry.size
    first = 0
    for part in entry.parts:
        if part.number == number:
            return first, first + part.size
        first += part.size
    raise S3Error("InvalidPart", "The requested partnumber is not satisfiable")
