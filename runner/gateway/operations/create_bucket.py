"""CreateBucket: ask the view to make a bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_name

BODY_MAX_BYTES = 64 * 1024
ELEMENTS_MAX = 100


async def run(request: Request) -> Response:
    """Make the bucket; a region in the body must be the gateway's own."""
    body = await request.body.read_all(BODY_MAX_BYTES)
    if body:
        root = xml.parse(body, "CreateBucketConfiguration", max_elements=ELEMENTS_MAX)
        region = xml.find_text(root, "LocationConstraint")
        if region and region != request.options.region:
            raise S3Error("InvalidLocationConstraint", details={"LocationConstraint": region})
    name = bucket_name(request)
    await request.view.create_bucket(name)
    return Response(200, {"Location": f"/{name}"})
