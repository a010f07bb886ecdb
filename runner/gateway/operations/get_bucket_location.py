"""GetBucketLocation: the region of a bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.operations.create_bucket import LOCATION
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of

DEFAULT_REGION = "us-east-1"


async def run(request: Request) -> Response:
    """Answer with the region that the bucket was made in; S3's oldest one has no name in this document."""
    kept = await (await bucket_of(request)).get_document(LOCATION)
    region = request.options.region if kept is None else kept.decode()
    return document("LocationConstraint", [] if region == DEFAULT_REGION else [xml.escape(region)])
