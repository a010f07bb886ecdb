"""What GET and HEAD say of an object: which bytes, which headers, or that nothing changed.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.gateway import attributes
from runner.gateway.conditions import Verdict, http_date, is_range_current, judge_read
from runner.gateway.errors import S3Error
from runner.gateway.ranges import part_number, part_range, requested_range
from runner.gateway.request import Request
from runner.gateway.responses import checksum_headers
from runner.gateway.versions import version_header
from runner.model.entry import Checksum, Entry

NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Representation:
    """The answer to a read, without its bytes.

    Attributes:
        status: 200, 206 or 304.
        headers: All that describe the object and the bytes chosen.
        first: First byte to send.
        end: The one after the last.
    """

    status: int
    headers: dict[str, str]
    first: int
    end: int


def represent(request: Request, entry: Entry) -> Representation:
    """Choose what of *entry* the request gets.

    Raises:
        S3Error: PreconditionFailed, InvalidRange, InvalidPart; InvalidRequest: a range and a part at once.
    """
    headers = {"ETag": f'"{entry.etag}"', "Last-Modified": http_date(entry.modified), "Accept-Ranges": "bytes"}
    headers |= version_header(entry.version)
    verdict = judge_read(request.headers, entry)
    if verdict is Verdict.FAILED:
        raise S3Error("PreconditionFailed")
    if verdict is Verdict.NOT_MODIFIED:
        return Representation(NOT_MODIFIED, headers, 0, 0)
    headers |= attributes.to_headers(entry.attributes) | attributes.overrides(request.query)
    chosen, checksum = _choose(request, entry, headers)
    if request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= checksum_headers(checksum)
    if chosen is None:
        return Representation(200, headers, 0, entry.size)
    first, end = chosen
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{entry.size}"
    return Representation(206, headers, first, end)


def _choose(request: Request, entry: Entry, headers: dict[str, str]) -> tuple[tuple[int, int] | None, Checksum | None]:
    """Return the bytes that are wanted, None for all, and the checksum that is known of exactly these."""
    wanted = request.headers.get("range")
    if "partNumber" in request.query:
        if wanted:
            raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
        number = part_number(request.query["partNumber"])
        chosen = part_range(entry, number)
        if entry.parts:
            headers["x-amz-mp-parts-count"] = str(len(entry.parts))
        return (chosen if chosen[0] < chosen[1] else None), _part_checksum(entry, number)
    chosen_range = requested_range(wanted, entry.size) if is_range_current(request.headers, entry) else None
    return chosen_range, (entry.checksum if chosen_range is None else None)


def _part_checksum(entry: Entry, number: int) -> Checksum | None:
    if not entry.parts or entry.checksum is None:
        return entry.checksum
    value = next((part.checksum for part in entry.parts if part.number == number), None)
    return Checksum(entry.checksum.algorithm, value, entry.checksum.type) if value else None
