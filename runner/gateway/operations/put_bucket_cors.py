"""PutBucketCors: which pages may use a bucket from a browser.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
"""

from __future__ import annotations

from runner.gateway import cors
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of


async def run(request: Request) -> Response:
    """Put these rules in place of those that are there."""
    bucket = await bucket_of(request)
    rules = cors.parse(await request.body.read_all(cors.BODY_MAX_BYTES))
    await bucket.put_document(cors.NAME, cors.document(rules))
    return Response()
