"""GetObject: the bytes of an object, or a range or a part of them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from runner.gateway.representation import NOT_MODIFIED, represent
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_of


async def run(request: Request) -> Response:
    """Answer with the object as it is now; a write that ends later does not change what is sent."""
    bucket = await bucket_of(request)
    reader = await bucket.get(key_of(request), version_of(request.query))
    found = represent(request, reader.entry)
    if found.status == NOT_MODIFIED:
        return Response(found.status, found.headers)
    return Response(found.status, found.headers, reader.read(found.first, found.end), found.end - found.first)
