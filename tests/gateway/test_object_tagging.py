"""PutObjectTagging, GetObjectTagging, DeleteObjectTagging, and tags that come with an object."""

from __future__ import annotations

import pytest

from tests.gateway.bucket import ENABLED, Bucket
from tests.gateway.caller import Caller, unchanged


def tagging(**tags: str) -> bytes:
    written = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags.items())
    return f"<Tagging><TagSet>{written}</TagSet></Tagging>".encode()


async def tags_of(call: Caller, target: str) -> dict[str, str]:
    answer = await call("GET", f"{target}{'&' if '?' in target else '?'}tagging")
    assert answer.status == 200, answer.body
    return dict(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value"), strict=True))


async def test_tags_are_put_read_by_key_and_removed(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    before = (await call("HEAD", "/out/k")).headers
    assert (await call("PUT", "/out/k?tagging", tagging(b="2", a="1"))).status == 200
    assert list((await tags_of(call, "/out/k")).items()) == [("a", "1"), ("b", "2")]
    after = (await call("HEAD", "/out/k")).headers
    assert after.pop("x-amz-tagging-count") == "2"
    assert after == before
    assert (await call("GET", "/out/k")).headers["x-amz-tagging-count"] == "2"
    assert (await call("DELETE", "/out/k?tagging")).status == 204
    assert (await tags_of(call, "/out/k"), (await call("HEAD", "/out/k")).headers) == ({}, before)


async def test_tags_come_with_an_object_a_copy_and_an_upload(call: Caller) -> None:
    await call("PUT", "/out/k", b"x", {"x-amz-tagging": "a=b&c=&d%20e=f%2Bg"})
    kept = {"a": "b", "c": "", "d e": "f+g"}
    assert await tags_of(call, "/out/k") == kept
    source = {"x-amz-copy-source": "out/k"}
    await call("PUT", "/out/same", None, {**source, "x-amz-metadata-directive": "REPLACE"})
    assert await tags_of(call, "/out/same") == kept
    await call("PUT", "/out/other", None, {**source, "x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "z=1"})
    assert await tags_of(call, "/out/other") == {"z": "1"}
    upload = (await call("POST", "/out/p?uploads", None, {"x-amz-tagging": "u=1"})).xml.findtext("UploadId")
    part = await call("PUT", f"/out/p?uploadId={upload}&partNumber=1", b"part")
    listed = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    await call(
        "POST", f"/out/p?uploadId={upload}", f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    )
    assert await tags_of(call, "/out/p") == {"u": "1"}
    await call("PUT", "/out/k", b"new")
    assert await tags_of(call, "/out/k") == {}


@pytest.mark.parametrize(
    "tags",
    [
        {f"{number}": "" for number in range(11)},
        {"": "x"},
        {"k" * 129: "x"},
        {"k": "v" * 257},
    ],
)
async def test_too_many_or_too_long_tags_are_refused_and_nothing_is_stored(call: Caller, tags: dict[str, str]) -> None:
    await call("PUT", "/out/k", b"x", {"x-amz-tagging": "a=b"})
    header = "&".join(f"{key}={value}" for key, value in tags.items())
    async with unchanged(call.view):
        assert (await call("PUT", "/out/k?tagging", tagging(**tags))).code == "InvalidTag"
        assert (await call("PUT", "/out/k", b"y", {"x-amz-tagging": header})).code == "InvalidTag"
    assert (await call("PUT", "/out/k?tagging", tagging(**{"k" * 128: "v" * 256}))).status == 200


@pytest.mark.parametrize("body", [b"", b"<Tagging/>", b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"])
async def test_what_is_no_document_of_tags_is_refused(call: Caller, body: bytes) -> None:
    await call("PUT", "/out/k", b"x")
    async with unchanged(call.view):
        assert (await call("PUT", "/out/k?tagging", body)).code == "MalformedXML"


async def test_a_key_twice_is_refused(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    twice = tagging(a="1").replace(b"</TagSet>", b"<Tag><Key>a</Key><Value>2</Value></Tag></TagSet>")
    assert (await call("PUT", "/out/k?tagging", twice)).code == "InvalidTag"


async def test_what_cannot_be_tagged(call: Caller) -> None:
    assert await tags_of(call, "/in/b") == {}
    for target, code in (("/in/b", "AccessDenied"), ("/out/none", "NoSuchKey"), ("/other/k", "NoSuchBucket")):
        async with unchanged(call.view):
            assert (await call("PUT", f"{target}?tagging", tagging(a="1"))).code == code
            assert (await call("DELETE", f"{target}?tagging")).code == code
    assert (await call("GET", "/in/missing?tagging")).code == "NoSuchKey"


async def test_each_version_has_its_own_tags(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1", **{"x-amz-tagging": "n=1"})
    two = await bucket.put("k", b"2", **{"x-amz-tagging": "n=2"})
    answer = await bucket.call("PUT", f"/data/k?tagging&versionId={one}", tagging(n="one"))
    assert answer.headers["x-amz-version-id"] == one
    assert (await bucket.call("PUT", "/data/k?tagging", tagging(n="two"))).headers["x-amz-version-id"] == two
    assert await tags_of(bucket.call, f"/data/k?versionId={one}") == {"n": "one"}
    assert await tags_of(bucket.call, f"/data/k?versionId={two}") == {"n": "two"}
    assert [version for _, version, *_ in await bucket.list()] == [two, one]
    await bucket.delete("k", two)
    assert await tags_of(bucket.call, "/data/k") == {"n": "one"}
