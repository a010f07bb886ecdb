"""PutBucketAcl and PutObjectAcl: an access control list is judged, and then all stays private.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html
"""

from __future__ import annotations

from runner.gateway import acl
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_header, version_of


async def of_bucket(request: Request) -> Response:
    """Take a list that gives nobody more than he has."""
    bucket = await bucket_of(request)
    await _judge(request, request.options.owner)
    await bucket.put_document("acl", None)  # raises where the caller may not change the bucket
    return Response()


async def of_object(request: Request) -> Response:
    """Take a list that gives nobody more than he has; the object stays as old as it is."""
    bucket = await bucket_of(request)
    entry = await bucket.head(key_of(request), version_of(request.query))
    await _judge(request, request.options.owner)
    await bucket.put_document("acl", None)
    return Response(200, version_header(entry.version))


async def _judge(request: Request, owner: str) -> None:
    body = await request.body.read_all(acl.BODY_MAX_BYTES)
    said = acl.judge_headers(request.headers, owner)
    if body:
        acl.judge_document(body, owner)
    elif not said:
        raise S3Error("MissingSecurityHeader", "Your request was missing a required header.")
