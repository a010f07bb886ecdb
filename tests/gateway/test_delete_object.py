from __future__ import annotations

from tests.gateway.caller import Caller, unchanged


async def test_a_deleted_object_is_gone_and_deleting_again_is_no_error(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for _ in range(2):
        answer = await call("DELETE", "/out/k")
        assert (answer.status, answer.body) == (204, b"")
    assert (await call("GET", "/out/k")).code == "NoSuchKey"


CONDITIONS = ("if-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size")


async def test_a_condition_is_refused_rather_than_ignored(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for name in CONDITIONS:
        async with unchanged(call.view):
            answer = await call("DELETE", "/out/k", headers={name: "1"})
        assert (answer.status, answer.code) == (501, "NotImplemented")


REFUSED = (
    ("/in/b", "AccessDenied"),
    ("/in/missing", "AccessDenied"),
    ("/other/k", "NoSuchBucket"),
    ("/out/k?versionId=abc", "NoSuchVersion"),
    ("/out/k?tagging", "NotImplemented"),
)


async def test_a_refused_delete_changes_nothing(call: Caller) -> None:
    await call("PUT", "/out/k", b"x")
    for target, code in REFUSED:
        async with unchanged(call.view):
            assert (await call("DELETE", target)).code == code
