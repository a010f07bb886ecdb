"""ListObjectsV2: positions are opaque tokens.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from runner.gateway import listing, xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of, owner_of


async def run(request: Request) -> Response:
    """Answer with one page of keys and common prefixes; a token outweighs ``start-after``."""
    query = request.query
    keys, limit = listing.key_writer(query), listing.limit_of(query)
    prefix, delimiter = query.get("prefix", "").encode(), query.get("delimiter", "").encode()
    start_after, token = query.get("start-after"), query.get("continuation-token")
    after = listing.position_of(token) if token else (start_after or "").encode()
    bucket = await bucket_of(request)
    owner = owner_of(request, bucket) if query.get("fetch-owner", "").lower() == "true" else None
    page = await listing.list_page(bucket, prefix, delimiter, after, limit)
    return document(
        "ListBucketResult",
        [
            xml.element("Name", bucket.name),
            keys.element("Prefix", prefix),
            xml.optional("ContinuationToken", token),
            xml.element("NextContinuationToken", listing.token_for(page.next_after))
            if page.next_after is not None
            else "",
            keys.element("StartAfter", start_after.encode()) if start_after else "",
            xml.element("KeyCount", len(page.items)),
            xml.element("MaxKeys", limit),
            keys.element("Delimiter", delimiter) if delimiter else "",
            xml.element("IsTruncated", page.next_after is not None),
            keys.encoding_type(),
            *listing.contents(page.items, keys, owner),
            *listing.common_prefixes(page.items, keys),
        ],
    )
