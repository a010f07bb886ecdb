"""DeleteObject: remove one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
"""

from __future__ import annotations

from runner.gateway.conditions import delete_condition
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import check_version


async def run(request: Request) -> Response:
    """Remove the object if it is the one that the client means; that it was not there is no error."""
    bucket = await bucket_of(request)
    check_version(request.query.get("versionId"))
    await bucket.delete(key_of(request), delete_condition(request.headers))
    return Response(204)
