"""GetObjectAttributes: what is known of an object, in a document.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from runner.gateway import listing, xml
from runner.gateway.conditions import http_date
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.responses import checksum_elements, document
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_header, version_of
from runner.model.entry import Entry, Part


async def run(request: Request) -> Response:
    """Answer with those attributes that ``x-amz-object-attributes`` names."""
    names = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    if not names <= _WRITERS.keys():
        raise S3Error("InvalidArgument", "Invalid attribute name specified.")
    bucket = await bucket_of(request)
    entry = await bucket.head(key_of(request), version_of(request.query))
    reply = document(
        "GetObjectAttributesResponse",
        [write(entry, request.headers) for name, write in _WRITERS.items() if name in names],
    )
    reply.headers |= {"Last-Modified": http_date(entry.modified), **version_header(entry.version)}
    return reply


def _checksum(entry: Entry, _headers: Mapping[str, str]) -> str:
    return xml.group("Checksum", [checksum_elements(entry.checksum)]) if entry.checksum else ""


def _parts(entry: Entry, headers: Mapping[str, str]) -> str:
    """Write one page of parts; an object that was put at once has none."""
    if not entry.parts:
        return ""
    limit = listing.limit_of(headers, "x-amz-max-parts")
    marker = listing.number_of(headers, "x-amz-part-number-marker", 0)
    remaining = [part for part in entry.parts if part.number > marker]
    page = remaining[:limit]
    return xml.group(
        "ObjectParts",
        [
            xml.element("PartsCount", len(entry.parts)),
            xml.element("PartNumberMarker", marker),
            xml.element("NextPartNumberMarker", page[-1].number if page else marker),
            xml.element("MaxParts", limit),
            xml.element("IsTruncated", len(remaining) > limit),
            *(_part(part, entry) for part in page),
        ],
    )


def _part(part: Part, entry: Entry) -> str:
    checksum = xml.optional(f"Checksum{entry.checksum.algorithm}", part.checksum) if entry.checksum else ""
    return xml.group("Part", [checksum, xml.element("PartNumber", part.number), xml.element("Size", part.size)])


_WRITERS: Mapping[str, Callable[[Entry, Mapping[str, str]], str]] = MappingProxyType(
    {
        "ETag": lambda entry, _: xml.element("ETag", entry.etag),
        "Checksum": _checksum,
        "ObjectParts": _parts,
        "StorageClass": lambda _, __: xml.element("StorageClass", "STANDARD"),
        "ObjectSize": lambda entry, _: xml.element("ObjectSize", entry.size),
    }
)
