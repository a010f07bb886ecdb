"""The access control list that everything has: S3's canned ``private``.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
"""

from __future__ import annotations

from runner.gateway import listing, xml
from runner.gateway.request import Response
from runner.gateway.responses import document


def private_acl(owner: str) -> Response:
    """Return the document in which *owner* alone has full control."""
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        f"{xml.element('ID', owner)}{xml.element('DisplayName', owner)}</Grantee>"
    )
    grant = xml.group("Grant", [grantee, xml.element("Permission", "FULL_CONTROL")])
    return document("AccessControlPolicy", [listing.owner_element(owner), xml.group("AccessControlList", [grant])])
