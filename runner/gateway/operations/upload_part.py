"""UploadPart: store one part of an upload.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.gateway.errors import S3Error
from runner.gateway.ranges import part_number
from runner.gateway.request import Request, Response
from runner.gateway.responses import checksum_headers
from runner.gateway.uploads import upload_of
from runner.model.entry import Checksum, ChecksumAlgorithm


async def run(request: Request) -> Response:
    """Store the body as a part once it turned out to be what the client announced."""
    number = part_number(request.query["partNumber"])
    bucket, upload = await upload_of(request)
    announced = _announced(request.headers)
    if upload.algorithm and announced and upload.algorithm not in announced:
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, "
            f"actual checksum Type: {announced[0].lower()}",
        )
    if upload.algorithm:
        request.body.compute(upload.algorithm)
    part = await bucket.put_part(upload, number, request.body)
    known = Checksum(upload.algorithm, part.checksum) if upload.algorithm and part.checksum else request.body.checksum
    headers = checksum_headers(known)
    headers.pop("x-amz-checksum-type", None)  # a type is the whole object's
    return Response(200, {"ETag": f'"{part.etag}"', **headers})


def _announced(headers: Mapping[str, str]) -> list[ChecksumAlgorithm]:
    """Return the algorithms of the checksums that come with the part, before it or after it."""
    trailers = headers.get("x-amz-trailer", "").lower()
    names = {algorithm: f"x-amz-checksum-{algorithm.lower()}" for algorithm in ChecksumAlgorithm}
    return [algorithm for algorithm, name in names.items() if name in headers or name in trailers]
