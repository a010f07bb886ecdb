"""HeadBucket: whether a bucket is there, and where.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of


async def run(request: Request) -> Response:
    """Answer with the bucket's region."""
    await bucket_of(request)
    return Response(200, {"x-amz-bucket-region": request.options.region, "x-amz-access-point-alias": "false"})
