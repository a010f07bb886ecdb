"""CompleteMultipartUpload: make the parts one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from runner.gateway import xml
from runner.gateway.conditions import write_condition
from runner.gateway.errors import S3Error
from runner.gateway.ranges import part_number
from runner.gateway.request import Request, Response
from runner.gateway.responses import checksum_elements, document
from runner.gateway.uploads import upload_of
from runner.gateway.versions import written_header
from runner.model.entry import PART_NUMBER_MAX, Checksum, ChecksumAlgorithm, ChecksumType
from runner.store.view import Bucket, CompletedPart, Upload

BODY_MAX_BYTES = 8 * 1024 * 1024
ELEMENTS_MAX = 10 * PART_NUMBER_MAX


async def run(request: Request) -> Response:
    """Complete the upload; asked twice, it answers twice the same."""
    bucket, upload = await upload_of(request)
    parts = parse_parts(await request.body.read_all(BODY_MAX_BYTES))
    await _check_size(request.headers, bucket, upload, parts)
    entry = await bucket.complete_upload(
        upload, parts, write_condition(request.headers), announced_checksum(request.headers)
    )
    location = f"{request.scheme}://{request.authority}/{bucket.name}/{quote(entry.key)}"
    reply = document(
        "CompleteMultipartUploadResult",
        [
            xml.element("Location", location),
            xml.element("Bucket", bucket.name),
            xml.element("Key", entry.key.decode()),
            xml.element("ETag", f'"{entry.etag}"'),
            checksum_elements(entry.checksum),
        ],
    )
    reply.headers |= written_header(entry.version)
    return reply


def parse_parts(body: bytes) -> list[CompletedPart]:
    """Return the parts that the client lists; of one that is listed twice in a row the last counts.

    Raises:
        S3Error: MalformedXML, InvalidPartOrder, InvalidArgument.
    """
    root = xml.parse(body, "CompleteMultipartUpload", max_elements=ELEMENTS_MAX)
    parts: dict[int, CompletedPart] = {}
    highest = 0
    for node in xml.children(root, "Part"):
        part = _part(node)
        if part.number < highest:
            raise S3Error("InvalidPartOrder")
        highest = part.number
        parts[part.number] = part
    if not parts:
        raise S3Error("MalformedXML")
    return list(parts.values())


def announced_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Return the checksum of the whole object that the client announces, if any.

    Raises:
        S3Error: InvalidRequest: several, or a type that S3 does not know.
    """
    found = [
        (algorithm, headers[name])
        for algorithm in ChecksumAlgorithm
        if (name := f"x-amz-checksum-{algorithm.lower()}") in headers
    ]
    if not found:
        return None
    if len(found) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    algorithm, value = found[0]
    usual = ChecksumType.COMPOSITE if "-" in value else ChecksumType.FULL_OBJECT
    type_name = headers.get("x-amz-checksum-type", usual).upper()
    if type_name not in ChecksumType.__members__:
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    return Checksum(algorithm, value, ChecksumType(type_name))


def _part(node: Any) -> CompletedPart:
    number = part_number(xml.require_text(node, "PartNumber").strip())
    etag = xml.require_text(node, "ETag").strip().strip('"')
    values = (xml.find_text(node, f"Checksum{algorithm}") for algorithm in ChecksumAlgorithm)
    return CompletedPart(number, etag, next((value for value in values if value), None))


async def _check_size(headers: Mapping[str, str], bucket: Bucket, upload: Upload, parts: list[CompletedPart]) -> None:
    """Compare the size that the client announces for the whole, if it does, with that of the parts."""
    announced = headers.get("x-amz-mp-object-size")
    if announced is None:
        return
    listed = {part.number for part in parts}
    size, after, has_more = 0, 0, True
    while has_more:
        page, has_more = await bucket.list_parts(upload, after, 1000)
        size += sum(part.size for part in page if part.number in listed)
        after = page[-1].number if page else after
    if announced != str(size):
        raise S3Error(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {announced} does not match what was computed: {size}",
        )
