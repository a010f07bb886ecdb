"""UploadPartCopy: a part from bytes that the store has.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
"""

from __future__ import annotations

from runner.gateway import copy_source, xml
from runner.gateway.ranges import copied_range, part_number
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.uploads import upload_of


async def run(request: Request) -> Response:
    """Make the part of the whole source, or of the range that the request names."""
    number = part_number(request.query["partNumber"])
    bucket, upload = await upload_of(request)
    source = await copy_source.open_source(request)
    wanted = request.headers.get("x-amz-copy-source-range")
    size = source.entry.size
    first, end = (0, size) if wanted is None else copied_range(wanted, size)
    part = await bucket.copy_part(upload, number, source, first, end)
    reply = document(
        "CopyPartResult",
        [
            xml.optional("LastModified", part.modified and xml.timestamp(part.modified)),
            xml.element("ETag", f'"{part.etag}"'),
            xml.optional(f"Checksum{upload.algorithm}", part.checksum),
        ],
    )
    reply.headers |= copy_source.version_header(source.entry)
    return reply
