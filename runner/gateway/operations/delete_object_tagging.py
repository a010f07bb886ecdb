"""DeleteObjectTagging: no tags for an object, or for a version of it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_header, version_of


async def run(request: Request) -> Response:
    """Remove all tags."""
    bucket = await bucket_of(request)
    version = await bucket.put_tags(key_of(request), {}, version_of(request.query))
    return Response(204, version_header(version))
