"""CopyObject: one object from another, without moving its bytes.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from runner.gateway import attributes, copy_source, xml
from runner.gateway.conditions import write_condition
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.responses import checksum_elements, document
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import written_header


async def run(request: Request) -> Response:
    """Copy the source as it is now; its metadata goes along unless the request replaces it."""
    attributes.refuse_unserved(request.headers, request.options.owner)
    is_replacing = _directive(request.headers, "x-amz-metadata-directive") == "REPLACE"
    is_tagging = _directive(request.headers, "x-amz-tagging-directive") == "REPLACE"
    bucket, key = await bucket_of(request), key_of(request)
    source = await copy_source.open_source(request)
    is_same = copy_source.parse(request.headers[copy_source.HEADER]) == (bucket.name, key, "")
    if is_same and not is_replacing and not is_tagging:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing "
            "the object's metadata.",
        )
    said, kept = attributes.from_headers(request.headers), source.entry.attributes
    kept = replace(said if is_replacing else kept, tags=said.tags if is_tagging else kept.tags)
    entry = await bucket.copy(key, source, kept, write_condition(request.headers))
    reply = document(
        "CopyObjectResult",
        [
            xml.element("LastModified", xml.timestamp(entry.modified)),
            xml.element("ETag", f'"{entry.etag}"'),
            checksum_elements(entry.checksum),
        ],
    )
    reply.headers |= written_header(entry.version) | copy_source.version_header(source.entry)
    return reply


def _directive(headers: Mapping[str, str], name: str) -> str:
    directive = headers.get(name, "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", f"Unknown {name}.", details={"ArgumentName": name, "ArgumentValue": directive})
    return directive
