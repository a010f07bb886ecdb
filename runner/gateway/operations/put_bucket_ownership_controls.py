"""PutBucketOwnershipControls: kept and shown; whatever it says, everything here belongs to the bucket's owner.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketOwnershipControls.html
"""

from __future__ import annotations

from runner.gateway import ownership, xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of


async def run(request: Request) -> Response:
    """Put this rule in place of the one that is there."""
    bucket = await bucket_of(request)
    body = await request.body.read_all(ownership.BODY_MAX_BYTES)
    root = xml.parse(body, "OwnershipControls", max_elements=ownership.ELEMENTS_MAX)
    rules = xml.children(root, "Rule")
    if len(rules) != 1:
        raise S3Error("MalformedXML")
    wanted = ownership.document(xml.require_text(rules[0], "ObjectOwnership"))
    await bucket.put_document(ownership.NAME, wanted)
    return Response()
