"""DeleteBucket: ask the view to remove an empty bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_name


async def run(request: Request) -> Response:
    """Remove the bucket."""
    await request.view.delete_bucket(bucket_name(request))
    return Response(204)
