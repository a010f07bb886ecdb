"""CreateBucket: ask the view to make a bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
"""

from __future__ import annotations

import re

from runner.gateway import acl, ownership, xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_name

BODY_MAX_BYTES = 64 * 1024
ELEMENTS_MAX = 100
LOCATION = "location"

_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")


async def run(request: Request) -> Response:
    """Make the bucket; a region is kept to be shown, for there is but one place where it can be."""
    region = _region(await request.body.read_all(BODY_MAX_BYTES))
    acl.judge_headers(request.headers, request.options.owner)
    setting = request.headers.get(ownership.HEADER)
    controls = None if setting is None else ownership.document(setting)
    name = bucket_name(request)
    bucket = await request.view.create_bucket(name)
    if controls is not None:
        await bucket.put_document(ownership.NAME, controls)
    if region not in ("", request.options.region):
        await bucket.put_document(LOCATION, region.encode())
    return Response(200, {"Location": f"/{name}"})


def _region(body: bytes) -> str:
    """Return the region that the client asks for, empty for none; raises InvalidLocationConstraint."""
    if not body:
        return ""
    root = xml.parse(body, "CreateBucketConfiguration", max_elements=ELEMENTS_MAX)
    region = xml.find_text(root, "LocationConstraint") or ""
    if region and _REGION.fullmatch(region) is None:
        raise S3Error("InvalidLocationConstraint", details={"LocationConstraint": region})
    return region
