"""PutPublicAccessBlock: kept and shown; nothing is public here anyway.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of

NAME = "public-access-block"
BODY_MAX_BYTES = 64 * 1024
ELEMENTS_MAX = 100

_ROOT = "PublicAccessBlockConfiguration"
_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


async def run(request: Request) -> Response:
    """Put these switches in place of those that are there; one that is not named is off."""
    bucket = await bucket_of(request)
    root = xml.parse(await request.body.read_all(BODY_MAX_BYTES), _ROOT, max_elements=ELEMENTS_MAX)
    said = {name: (xml.find_text(root, name) or "false").strip().lower() for name in _SWITCHES}
    if not set(said.values()) <= {"true", "false"}:
        raise S3Error("MalformedXML")
    body = xml.document(_ROOT, [xml.element(name, value) for name, value in said.items()])
    await bucket.put_document(NAME, body)
    return Response()
