"""PutObjectTagging: other tags for an object, or for a version of it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
"""

from __future__ import annotations

from runner.gateway import tags
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_header, version_of


async def run(request: Request) -> Response:
    """Put these tags in place of those that are there; the object stays as old as it is."""
    bucket = await bucket_of(request)
    wanted = tags.from_document(await request.body.read_all(tags.BODY_MAX_BYTES))
    version = await bucket.put_tags(key_of(request), wanted, version_of(request.query))
    return Response(200, version_header(version))
