"""The access control list that everything has, S3's canned ``private``, and lists that come in.

Nobody gets more by a list than he has without it. A canned one is taken whatever it says, as programs send it with
every write: ignoring it leaves everything private. A list that names its grants is taken when it gives the owner what
he has anyway, and else refused, as AWS refuses it of a bucket that has lists switched off.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.gateway import listing, xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Response
from runner.gateway.responses import document

BODY_MAX_BYTES = 64 * 1024

_ELEMENTS_MAX = 2_000
_CANNED = frozenset(
    {
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
        "log-delivery-write",
    }
)
_GRANTS = "x-amz-grant-"
_PERMISSIONS = frozenset({"FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP"})


def private_acl(owner: str) -> Response:
    """Return the document in which *owner* alone has full control."""
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        f"{xml.element('ID', owner)}{xml.element('DisplayName', owner)}</Grantee>"
    )
    grant = xml.group("Grant", [grantee, xml.element("Permission", "FULL_CONTROL")])
    return document("AccessControlPolicy", [listing.owner_element(owner), xml.group("AccessControlList", [grant])])


def judge_headers(headers: Mapping[str, str], owner: str) -> bool:
    """Return whether a request brings a list in its headers.

    Raises:
        S3Error: InvalidArgument: S3 knows no such canned list, or nobody of that id;
            AccessControlListNotSupported: it gives somebody something.
    """
    canned = headers.get("x-amz-acl")
    if canned is not None and canned not in _CANNED:
        raise S3Error("InvalidArgument", details={"ArgumentName": "x-amz-acl", "ArgumentValue": canned})
    grants = [text for name, text in headers.items() if name.startswith(_GRANTS)]
    for grantee in (each.strip() for text in grants for each in text.split(",")):
        kind, _, value = grantee.partition("=")
        _judge_grantee(kind.strip(), value.strip().strip('"'), owner)
    return canned is not None or bool(grants)


def judge_document(body: bytes, owner: str) -> None:
    """Refuse a list that is none, or that gives somebody something.

    Raises:
        S3Error: MalformedXML; and as `judge_headers`; UnresolvableGrantByEmailAddress: nobody here has one.
    """
    root = xml.parse(body, "AccessControlPolicy", max_elements=_ELEMENTS_MAX)
    lists = xml.children(root, "AccessControlList")
    if len(lists) != 1:
        raise S3Error("MalformedXML")
    for claimed in xml.children(root, "Owner"):
        if (xml.find_text(claimed, "ID") or owner) != owner:
            raise S3Error("AccessDenied")
    for grant in xml.children(lists[0], "Grant"):
        _judge_grant(grant, owner)


def _judge_grant(grant: Any, owner: str) -> None:
    grantees = xml.children(grant, "Grantee")
    if len(grantees) != 1 or xml.find_text(grant, "Permission") not in _PERMISSIONS:
        raise S3Error("MalformedXML")
    for element, kind in (("EmailAddress", "emailAddress"), ("URI", "uri"), ("ID", "id")):
        value = xml.find_text(grantees[0], element)
        if value is not None:
            _judge_grantee(kind, value, owner)
            return
    raise S3Error("MalformedXML")


def _judge_grantee(kind: str, value: str, owner: str) -> None:
    if kind == "emailAddress":
        raise S3Error("UnresolvableGrantByEmailAddress")
    if kind == "uri":
        raise S3Error("AccessControlListNotSupported")
    if kind != "id" or value != owner:
        raise S3Error("InvalidArgument", "Invalid id", details={"ArgumentName": "CanonicalUser/ID"})
