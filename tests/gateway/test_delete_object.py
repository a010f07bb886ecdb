from __future__ import annotations

from tests.gateway.caller import Caller, unchanged


async def test_a_deleted_object_is_gone_and_deleting_again_is_no_error(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for _ in range(2):
        answer = await call("DELETE", "/out/k")
        assert (answer.status, answer.body) == (204, b"")
    assert (await call("GET", "/out/k")).code == "NoSuchKey"


OTHERS = (
    {"if-match": '"0"'},
    {"x-amz-if-match-size": "2"},
    {"x-amz-if-match-last-modified-time": "Thu, 01 Jan 1970 00:00:00 GMT"},
)
MALFORMED = ({"if-match": ""}, {"x-amz-if-match-size": "-1"}, {"x-amz-if-match-last-modified-time": "yesterday"})


async def test_an_object_that_is_not_the_one_meant_stays(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for headers in OTHERS:
        async with unchanged(call.view):
            answer = await call("DELETE", "/out/k", headers=headers)
        assert (answer.status, answer.code) == (412, "PreconditionFailed")
        assert (await call("DELETE", "/out/missing", headers=headers)).status == 204


async def test_a_condition_that_cannot_be_read_is_refused(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for headers in MALFORMED:
        async with unchanged(call.view):
            answer = await call("DELETE", "/out/k", headers=headers)
        assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_the_object_that_is_meant_goes(call: Caller) -> None:
    for name in ("if-match", "x-amz-if-match-size", "x-amz-if-match-last-modified-time"):
        etag = (await call("PUT", "/out/k", b"x")).headers["etag"]
        modified = (await call("HEAD", "/out/k")).headers["last-modified"]
        value = {"if-match": etag, "x-amz-if-match-size": "1"}.get(name, modified)
        assert (await call("DELETE", "/out/k", headers={name: value})).status == 204
        assert (await call("GET", "/out/k")).code == "NoSuchKey"
    await call("PUT", "/out/k", b"x")
    assert (await call("DELETE", "/out/k", headers={"if-match": "*"})).status == 204


REFUSED = (
    ("/in/b", "AccessDenied"),
    ("/in/missing", "AccessDenied"),
    ("/other/k", "NoSuchBucket"),
    ("/out/k?versionId=", "InvalidArgument"),
    ("/out/k?retention", "NotImplemented"),
)


async def test_a_refused_delete_changes_nothing(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for target, code in REFUSED:
        async with unchanged(call.view):
            assert (await call("DELETE", target)).code == code


async def test_deleting_a_version_that_is_not_there_is_no_error_and_changes_nothing(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    async with unchanged(call.view):
        assert (await call("DELETE", "/out/k?versionId=abc")).status == 204
    assert (await call("DELETE", "/out/k?versionId=null")).status == 204
    assert (await call("GET", "/out/k")).code == "NoSuchKey"
