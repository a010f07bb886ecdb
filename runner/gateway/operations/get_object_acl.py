"""GetObjectAcl: the owner may do everything, nobody else anything.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
"""

from __future__ import annotations

from runner.gateway.acl import private_acl
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_of


async def run(request: Request) -> Response:
    """Answer with the one grant that every object has."""
    bucket = await bucket_of(request)
    await bucket.head(key_of(request), version_of(request.query))
    return private_acl(request.options.owner)
