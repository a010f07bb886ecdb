"""Reading a configuration that no bucket has: each has a code of its own for that.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from runner.gateway.errors import S3Error
from runner.gateway.request import Operation, Request, Response
from runner.gateway.target import bucket_of


def absent(code: str) -> Operation:
    """Return the operation that refuses with *code* where the bucket is there at all."""

    async def run(request: Request) -> Response:
        await bucket_of(request)
        raise S3Error(code)

    return run
