"""GetBucketLocation: the region of a bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of

DEFAULT_REGION = "us-east-1"


async def run(request: Request) -> Response:
    """Answer with the gateway's region; S3's oldest one has no name in this document."""
    await bucket_of(request)
    region = request.options.region
    return document("LocationConstraint", [] if region == DEFAULT_REGION else [xml.escape(region)])
