"""Object ownership: which of S3's three settings a bucket shows.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

from runner.gateway import xml
from runner.gateway.errors import S3Error

NAME = "ownership"
HEADER = "x-amz-object-ownership"
BODY_MAX_BYTES = 64 * 1024
ELEMENTS_MAX = 100

_SETTINGS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def document(setting: str) -> bytes:
    """Return the OwnershipControls document of a setting; raises MalformedXML for one that S3 does not have."""
    if setting not in _SETTINGS:
        raise S3Error("MalformedXML")
    return xml.document("OwnershipControls", [xml.group("Rule", [xml.element("ObjectOwnership", setting)])])
