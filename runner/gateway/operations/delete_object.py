"""DeleteObject: remove one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
"""

from __future__ import annotations

from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import check_version

CONDITIONS = ("if-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size")


async def run(request: Request) -> Response:
    """Remove the object; that it was not there is no error.

    A condition is refused: a delete that ignores one could remove what the client meant to keep.
    """
    for name in CONDITIONS:
        if name in request.headers:
            raise S3Error("NotImplemented", details={"Header": name})
    bucket = await bucket_of(request)
    check_version(request.query.get("versionId"))
    await bucket.delete(key_of(request))
    return Response(204)
