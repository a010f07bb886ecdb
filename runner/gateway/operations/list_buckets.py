"""ListBuckets: the buckets that the caller sees, by name.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

from runner.gateway import listing, xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document

PAGE_MAX = 10_000


async def run(request: Request) -> Response:
    """Answer with one page of buckets."""
    query = request.query
    prefix = query.get("prefix", "")
    limit = listing.limit_of(query, "max-buckets", PAGE_MAX)
    if limit == 0:
        raise listing.invalid("max-buckets", "0", f"max-buckets must be within 1 to {PAGE_MAX}")
    token = query.get("continuation-token", "")
    after = listing.position_of(token).decode(errors="replace") if token else ""
    found = [
        bucket for bucket in await request.view.list_buckets() if bucket.name.startswith(prefix) and bucket.name > after
    ]
    page = found[:limit]
    return document(
        "ListAllMyBucketsResult",
        [
            listing.owner_element(request.principal.name),
            xml.group(
                "Buckets",
                (
                    xml.group(
                        "Bucket",
                        [xml.element("Name", bucket.name), xml.element("CreationDate", xml.timestamp(bucket.created))],
                    )
                    for bucket in page
                ),
            ),
            xml.element("Prefix", prefix) if prefix else "",
            xml.element("ContinuationToken", listing.token_for(page[-1].name.encode())) if len(found) > limit else "",
        ],
    )
