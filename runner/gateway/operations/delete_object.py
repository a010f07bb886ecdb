"""DeleteObject: remove one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
"""

from __future__ import annotations

from runner.gateway.conditions import delete_condition
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import deletion_headers, version_of


async def run(request: Request) -> Response:
    """Remove the object, or one version of it, if it is what the client means; that it was not there is no error."""
    bucket = await bucket_of(request)
    deletion = await bucket.delete(key_of(request), delete_condition(request.headers), version_of(request.query))
    return Response(204, deletion_headers(deletion))
