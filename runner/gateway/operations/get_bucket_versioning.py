"""GetBucketVersioning: whether a bucket keeps versions.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of


async def run(request: Request) -> Response:
    """Answer with the Status, and without one where versioning was never set."""
    bucket = await bucket_of(request)
    return document("VersioningConfiguration", [xml.optional("Status", await bucket.get_versioning())])
