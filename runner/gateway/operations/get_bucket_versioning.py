"""GetBucketVersioning: the state of a bucket that never had versioning set.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of


async def run(request: Request) -> Response:
    """Answer without a Status."""
    await bucket_of(request)
    return document("VersioningConfiguration", [])
