"""HeadObject: what GetObject would answer, without the bytes.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
"""

from __future__ import annotations

from runner.gateway.representation import represent
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_of


async def run(request: Request) -> Response:
    """Answer with the headers of the object as it is now."""
    bucket = await bucket_of(request)
    found = represent(request, await bucket.head(key_of(request), version_of(request.query)))
    return Response(found.status, found.headers, length=found.end - found.first)
