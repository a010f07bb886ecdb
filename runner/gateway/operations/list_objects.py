"""ListObjects, the first form: positions are keys in the clear.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
"""

from __future__ import annotations

from runner.gateway import listing, xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of, owner_of
from runner.model.entry import Entry


async def run(request: Request) -> Response:
    """Answer with one page of keys and common prefixes.

    Prefix alone goes out unencoded also with ``encoding-type=url``: the SDKs do not decode it.
    """
    query = request.query
    keys, limit = listing.key_writer(query), listing.limit_of(query)
    prefix, delimiter, marker = (query.get(name, "").encode() for name in ("prefix", "delimiter", "marker"))
    bucket = await bucket_of(request)
    page = await listing.list_page(bucket, prefix, delimiter, marker, limit)
    is_truncated = page.next_after is not None
    next_marker = ""
    if is_truncated and delimiter:
        last = page.items[-1]
        next_marker = keys.element("NextMarker", last.key if isinstance(last, Entry) else last)
    return document(
        "ListBucketResult",
        [
            xml.element("Name", bucket.name),
            xml.element("Prefix", prefix.decode()),
            keys.element("Marker", marker),
            next_marker,
            xml.element("MaxKeys", limit),
            keys.element("Delimiter", delimiter) if delimiter else "",
            xml.element("IsTruncated", is_truncated),
            keys.encoding_type(),
            *listing.contents(page.items, keys, owner_of(request, bucket)),
            *listing.common_prefixes(page.items, keys),
        ],
    )
