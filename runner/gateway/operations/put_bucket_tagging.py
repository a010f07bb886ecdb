"""PutBucketTagging: other tags for a bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
"""

from __future__ import annotations

from runner.gateway import tags
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of


async def run(request: Request) -> Response:
    """Put these tags in place of those that are there."""
    bucket = await bucket_of(request)
    wanted = tags.from_document(await request.body.read_all(tags.BODY_MAX_BYTES), tags.BUCKET_TAGS_MAX)
    await bucket.put_document("tagging", tags.document(wanted))
    return Response(204)
