from __future__ import annotations

from tests.gateway.caller import Caller


async def test_the_owner_alone_has_full_control(call: Caller) -> None:
    answer = await call("GET", "/out?acl")
    assert answer.status == 200
    assert answer.texts("Owner/ID") == answer.texts("AccessControlList/Grant/Grantee/ID") == ["runner"]
    assert answer.texts("AccessControlList/Grant/Permission") == ["FULL_CONTROL"]


async def test_a_missing_bucket_has_none(call: Caller) -> None:
    assert (await call("GET", "/other?acl")).code == "NoSuchBucket"
