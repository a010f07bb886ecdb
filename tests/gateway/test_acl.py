"""PutBucketAcl, PutObjectAcl, and lists that come with a write."""

from __future__ import annotations

import pytest

from tests.gateway.bucket import Bucket
from tests.gateway.caller import Caller, unchanged

TARGETS = ["/data?acl", "/data/k?acl"]


def policy(grantee: str, permission: str = "FULL_CONTROL") -> bytes:
    grant = f"<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>"
    return f"<AccessControlPolicy><AccessControlList>{grant}</AccessControlList></AccessControlPolicy>".encode()


@pytest.mark.parametrize("target", TARGETS)
async def test_the_list_that_is_served_and_every_canned_one_are_taken_and_change_nothing(
    bucket: Bucket, target: str
) -> None:
    await bucket.put("k")
    before = await bucket.call("HEAD", "/data/k")
    served = (await bucket.call("GET", target)).body
    assert (await bucket.call("PUT", target, served)).status == 200
    for canned in ("private", "public-read", "public-read-write", "authenticated-read", "bucket-owner-full-control"):
        assert (await bucket.call("PUT", target, None, {"x-amz-acl": canned})).status == 200
    assert (await bucket.call("PUT", target, None, {"x-amz-grant-full-control": 'id="runner"'})).status == 200
    assert (await bucket.call("GET", target)).body == served
    assert (await bucket.call("HEAD", "/data/k")) == before


REFUSED = [
    (policy("<ID>nobody</ID>"), {}, "InvalidArgument"),
    (policy("<EmailAddress>a@b.c</EmailAddress>"), {}, "UnresolvableGrantByEmailAddress"),
    (policy("<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>", "READ"), {}, "AccessControlListNotSupported"),
    (policy("<ID>runner</ID>", "EVERYTHING"), {}, "MalformedXML"),
    (policy(""), {}, "MalformedXML"),
    (b"<AccessControlPolicy/>", {}, "MalformedXML"),
    (b"<Other/>", {}, "MalformedXML"),
    (None, {}, "MissingSecurityHeader"),
    (None, {"x-amz-acl": "public"}, "InvalidArgument"),
    (None, {"x-amz-grant-read": "id=nobody"}, "InvalidArgument"),
    (None, {"x-amz-grant-read": 'emailAddress="a@b.c"'}, "UnresolvableGrantByEmailAddress"),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("body", "headers", "code"), REFUSED)
async def test_a_list_that_gives_somebody_something_is_refused(bucket, target, body, headers, code) -> None:
    await bucket.put("k")
    async with unchanged(bucket.call.view):
        assert (await bucket.call("PUT", target, body, headers)).code == code


async def test_lists_that_come_with_a_write_are_judged_too(call: Caller) -> None:
    assert (await call("PUT", "/out/k", b"x", {"x-amz-acl": "public-read"})).status == 200
    async with unchanged(call.view):
        assert (await call("PUT", "/out/k", b"y", {"x-amz-acl": "public"})).code == "InvalidArgument"
        assert (await call("PUT", "/out/k", b"y", {"x-amz-grant-read": "id=nobody"})).code == "InvalidArgument"
        assert (await call("POST", "/out/k?uploads", None, {"x-amz-acl": "public"})).code == "InvalidArgument"


async def test_what_is_only_read_takes_no_list(call: Caller) -> None:
    for target in ("/in?acl", "/in/b?acl"):
        assert (await call("PUT", target, None, {"x-amz-acl": "private"})).code == "AccessDenied"
    assert (await call("PUT", "/out/none?acl", None, {"x-amz-acl": "private"})).code == "NoSuchKey"
