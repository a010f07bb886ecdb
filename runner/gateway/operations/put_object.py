"""PutObject: store one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

from runner.gateway import attributes
from runner.gateway.conditions import write_condition
from runner.gateway.request import Request, Response
from runner.gateway.responses import checksum_headers
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import written_header
from runner.model.entry import ChecksumAlgorithm


async def run(request: Request) -> Response:
    """Store the body once it turned out to be what the client announced."""
    attributes.refuse_unserved(request.headers, request.options.owner)
    request.body.compute(ChecksumAlgorithm.CRC64NVME)  # what S3 keeps of an object that came without any
    bucket = await bucket_of(request)
    entry = await bucket.put(
        key_of(request), request.body, attributes.from_headers(request.headers), write_condition(request.headers)
    )
    headers = {"ETag": f'"{entry.etag}"', **checksum_headers(entry.checksum), **written_header(entry.version)}
    return Response(200, headers)
