"""PutBucketVersioning: let a bucket keep versions, or stop it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_of
from runner.store.view import Versioning

BODY_MAX_BYTES = 64 * 1024
ELEMENTS_MAX = 100


async def run(request: Request) -> Response:
    """Set the state; that a deletion needs a second factor can be switched off, but not on."""
    bucket = await bucket_of(request)
    body = await request.body.read_all(BODY_MAX_BYTES)
    root = xml.parse(body, "VersioningConfiguration", max_elements=ELEMENTS_MAX)
    status = xml.find_text(root, "Status")
    if status is None:
        raise S3Error("IllegalVersioningConfigurationException")
    if status not in tuple(Versioning):
        raise S3Error("MalformedXML")
    factor = xml.find_text(root, "MfaDelete") or xml.find_text(root, "MFADelete") or "Disabled"
    if factor != "Disabled":
        raise S3Error("NotImplemented")
    await bucket.set_versioning(Versioning(status))
    return Response()
