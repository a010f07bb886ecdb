"""The three states of versioning: never set, Enabled, Suspended."""

from __future__ import annotations

import pytest

from runner.model.address import parse
from runner.store.history import commits
from runner.store.writing.changes import open_change
from tests.gateway.bucket import ENABLED, SUSPENDED, Bucket
from tests.store.world import NO_ATTRIBUTES, Body


async def test_a_new_bucket_has_no_state_and_shows_no_versions(bucket: Bucket) -> None:
    assert len((await bucket.call("GET", "/data?versioning")).xml) == 0
    assert await bucket.put("k") == ""
    assert "x-amz-version-id" not in (await bucket.call("HEAD", "/data/k")).headers
    assert await bucket.list() == [("k", "null", True, False)]
    assert await bucket.get("k", "null") == b"x"
    assert await bucket.get("k", "abc") == "NoSuchVersion"
    gone = await bucket.delete("k")
    assert (gone.status, "x-amz-delete-marker" in gone.headers, "x-amz-version-id" in gone.headers) == (
        204,
        False,
        False,
    )
    assert await bucket.list() == []
    assert (await bucket.call("DELETE", "/data")).status == 204


async def test_each_write_of_an_enabled_bucket_is_a_version(bucket: Bucket) -> None:
    assert (await bucket.versioning(ENABLED)).status == 200
    assert (await bucket.call("GET", "/data?versioning")).texts("Status") == ["Enabled"]
    one, two = await bucket.put("k", b"1"), await bucket.put("k", b"2")
    assert len({one, two, ""}) == 3
    assert await bucket.list() == [("k", two, True, False), ("k", one, False, False)]
    assert [await bucket.get("k"), await bucket.get("k", one), await bucket.get("k", two)] == [b"2", b"1", b"2"]
    head = await bucket.call("HEAD", "/data/k")
    assert head.headers["x-amz-version-id"] == two
    attributes = await bucket.call(
        "GET", f"/data/k?attributes&versionId={one}", None, {"x-amz-object-attributes": "ETag"}
    )
    assert (attributes.status, attributes.headers["x-amz-version-id"]) == (200, one)


async def test_a_deletion_leaves_a_marker_each_time(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1")
    markers = []
    for _ in range(2):
        gone = await bucket.delete("k")
        assert (gone.status, gone.headers["x-amz-delete-marker"]) == (204, "true")
        markers.append(gone.headers["x-amz-version-id"])
    assert await bucket.list() == [
        ("k", markers[1], True, True),
        ("k", markers[0], False, True),
        ("k", one, False, False),
    ]
    read = await bucket.call("GET", "/data/k")
    assert (read.status, read.code, read.headers["x-amz-delete-marker"]) == (404, "NoSuchKey", "true")
    head = await bucket.call("HEAD", "/data/k")
    assert (head.status, head.headers["x-amz-version-id"]) == (404, markers[1])
    named = await bucket.call("GET", f"/data/k?versionId={markers[0]}")
    assert (named.status, named.code, named.headers["allow"]) == (405, "MethodNotAllowed", "DELETE")
    assert (await bucket.call("GET", "/data?list-type=2")).texts("Contents") == []
    assert (await bucket.call("DELETE", "/data")).code == "BucketNotEmpty"


async def test_removing_the_newest_version_reveals_the_one_before(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one, two = await bucket.put("k", b"1"), await bucket.put("k", b"2")
    marker = (await bucket.delete("k")).headers["x-amz-version-id"]
    gone = await bucket.delete("k", marker)
    assert (gone.headers["x-amz-delete-marker"], gone.headers["x-amz-version-id"]) == ("true", marker)
    assert await bucket.get("k") == b"2"
    for _ in range(2):
        gone = await bucket.delete("k", two)
        assert (gone.status, gone.headers["x-amz-version-id"], "x-amz-delete-marker" in gone.headers) == (
            204,
            two,
            False,
        )
        assert (await bucket.get("k"), await bucket.get("k", two)) == (b"1", "NoSuchVersion")
    await bucket.delete("k", one)
    assert (await bucket.get("k"), await bucket.list()) == ("NoSuchKey", [])
    assert (await bucket.call("DELETE", "/data")).status == 204


async def test_an_older_version_that_is_removed_changes_nothing_else(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one, two = await bucket.put("k", b"1"), await bucket.put("k", b"2")
    before = (await bucket.call("HEAD", "/data/k")).headers
    await bucket.delete("k", one)
    assert await bucket.list() == [("k", two, True, False)]
    assert (await bucket.call("HEAD", "/data/k")).headers == before


async def test_what_was_there_before_versioning_is_the_null_version(bucket: Bucket) -> None:
    await bucket.put("k", b"old")
    await bucket.versioning(ENABLED)
    assert (await bucket.call("HEAD", "/data/k")).headers["x-amz-version-id"] == "null"
    new = await bucket.put("k", b"new")
    assert await bucket.list() == [("k", new, True, False), ("k", "null", False, False)]
    assert await bucket.get("k", "null") == b"old"
    await bucket.delete("k", "null")
    assert await bucket.list() == [("k", new, True, False)]


async def test_a_suspended_bucket_writes_over_the_null_version_alone(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1")
    await bucket.versioning(SUSPENDED)
    assert [await bucket.put("k", b"2"), await bucket.put("k", b"3")] == ["", ""]
    assert await bucket.list() == [("k", "null", True, False), ("k", one, False, False)]
    assert (await bucket.call("HEAD", "/data/k")).headers["x-amz-version-id"] == "null"
    gone = await bucket.delete("k")
    assert (gone.headers["x-amz-delete-marker"], gone.headers["x-amz-version-id"]) == ("true", "null")
    assert await bucket.list() == [("k", "null", True, True), ("k", one, False, False)]
    await bucket.versioning(ENABLED)
    two = await bucket.put("k", b"4")
    assert await bucket.list() == [("k", two, True, False), ("k", "null", False, True), ("k", one, False, False)]


async def test_what_is_written_beside_s3_is_a_null_version(bucket: Bucket) -> None:
    """An import, say, goes to the branch itself."""
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1")
    async with open_change(bucket.store, "default", "data", "master") as change:
        await change.put(b"k", Body(b"imported"), NO_ATTRIBUTES)
        await change.commit()
    assert (await bucket.get("k"), await bucket.get("k", "null"), await bucket.get("k", one)) == (
        b"imported",
        b"imported",
        b"1",
    )
    assert await bucket.list() == [("k", "null", True, False), ("k", one, False, False)]
    two = await bucket.put("k", b"2")
    assert await bucket.list() == [("k", two, True, False), ("k", "null", False, False), ("k", one, False, False)]
    assert await bucket.get("k", "null") == b"imported"


@pytest.mark.parametrize("state", [b"", ENABLED])
async def test_a_version_may_be_a_commit(bucket: Bucket, state: bytes) -> None:
    async with open_change(bucket.store, "default", "data", "master") as change:
        await change.put(b"k", Body(b"old"), NO_ATTRIBUTES)
        old, _ = await change.commit()
    if state:
        await bucket.versioning(state)
    await bucket.put("k", b"new")
    read = await bucket.call("GET", f"/data/k?versionId={old.id}")
    assert (read.body, read.headers["x-amz-version-id"]) == (b"old", old.id)
    assert await bucket.get("none", old.id) == "NoSuchVersion"
    assert await bucket.get("k", "0123456789ab4def0123456789abcdef") == "NoSuchVersion"
    copied = await bucket.call("PUT", "/data/copy", None, {"x-amz-copy-source": f"data/k?versionId={old.id}"})
    assert (copied.status, copied.headers["x-amz-copy-source-version-id"]) == (200, old.id)
    assert await bucket.get("copy") == b"old"
    refused = await bucket.delete("k", old.id)
    assert refused.code == ("AccessDenied" if state else "")
    assert await bucket.get("k", old.id) == b"old"
    assert (await commits.resolve(bucket.store, parse("data@master"))).id == old.id


async def test_copies_and_uploads_are_versions_too(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1")
    await bucket.put("k", b"2")
    copied = await bucket.call("PUT", "/data/k", None, {"x-amz-copy-source": f"data/k?versionId={one}"})
    assert copied.headers["x-amz-copy-source-version-id"] == one
    assert (await bucket.list())[0] == ("k", copied.headers["x-amz-version-id"], True, False)
    upload = (await bucket.call("POST", "/data/k?uploads")).xml.findtext("UploadId")
    part = await bucket.call("PUT", f"/data/k?uploadId={upload}&partNumber=1", b"part")
    listed = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    done = [await bucket.call("POST", f"/data/k?uploadId={upload}", document) for _ in range(2)]
    assert {each.headers["x-amz-version-id"] for each in done} == {(await bucket.list())[0][1]}
    assert len(await bucket.list()) == 4


async def test_conditions_of_a_deletion_are_judged_by_what_goes(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1")
    two = await bucket.put("k", b"22")
    for wrong in ({"if-match": '"0"'}, {"x-amz-if-match-size": "1"}):
        assert (await bucket.delete("k", **wrong)).code == "PreconditionFailed"
        assert (await bucket.delete("k", two, **wrong)).code == "PreconditionFailed"
        assert (await bucket.delete("k", "00000000000000-0000000000000000", **wrong)).status == 204
        assert (await bucket.delete("none", **wrong)).status == 204
    assert (await bucket.delete("k", one, **{"x-amz-if-match-size": "1"})).status == 204
    assert await bucket.list() == [("k", two, True, False)]
    await bucket.delete("k")
    assert (await bucket.delete("k", **{"if-match": '"0"'})).code == "PreconditionFailed"
    assert (await bucket.delete("k", **{"x-amz-if-match-size": "0"})).code == "PreconditionFailed"
    assert (await bucket.delete("k", **{"if-match": "*"})).status == 204
    assert (await bucket.call("PUT", "/data/k", b"x", {"if-match": "*"})).code == "NoSuchKey"
    assert (await bucket.call("PUT", "/data/k", b"x", {"if-none-match": "*"})).status == 200


async def test_many_deletions_tell_their_versions(bucket: Bucket) -> None:
    await bucket.versioning(ENABLED)
    one = await bucket.put("k", b"1")
    body = f"<Delete><Object><Key>k</Key><VersionId>{one}</VersionId></Object><Object><Key>none</Key></Object></Delete>"
    answer = await bucket.call("POST", "/data?delete", body.encode())
    assert answer.texts("Deleted/Key") == ["k", "none"]
    assert answer.texts("Deleted/VersionId") == [one]
    assert answer.texts("Deleted/DeleteMarker") == ["true"]
    (marker,) = answer.texts("Deleted/DeleteMarkerVersionId")
    assert await bucket.list() == [("none", marker, True, True)]
    body = f"<Delete><Object><Key>none</Key><VersionId>{marker}</VersionId></Object></Delete>"
    answer = await bucket.call("POST", "/data?delete", body.encode())
    assert answer.texts("Deleted/DeleteMarkerVersionId") == [marker]
    assert await bucket.list() == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "MalformedXML"),
        (b"<VersioningConfiguration/>", "IllegalVersioningConfigurationException"),
        (b"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>", "MalformedXML"),
        (ENABLED.replace(b"<Status>", b"<MFADelete>Enabled</MFADelete><Status>"), "NotImplemented"),
    ],
)
async def test_a_state_that_there_is_not_is_refused(bucket: Bucket, document: bytes, code: str) -> None:
    assert (await bucket.versioning(document)).code == code
    assert len((await bucket.call("GET", "/data?versioning")).xml) == 0


async def test_that_a_deletion_needs_no_second_factor_may_be_said(bucket: Bucket) -> None:
    document = ENABLED.replace(b"<Status>", b"<MfaDelete>Disabled</MfaDelete><Status>")
    assert (await bucket.versioning(document)).status == 200


async def test_a_commit_keeps_no_versions(bucket: Bucket) -> None:
    async with open_change(bucket.store, "default", "data", "master") as change:
        await change.put(b"k", Body(b"x"), NO_ATTRIBUTES)
        commit, _ = await change.commit()
    name = f"{commit.id}.master.data"
    assert (await bucket.call("PUT", f"/{name}?versioning", ENABLED)).code == "AccessDenied"
    assert len((await bucket.call("GET", f"/{name}?versioning")).xml) == 0
    assert (await bucket.call("GET", f"/{name}?versions")).texts("Version/VersionId") == ["null"]
