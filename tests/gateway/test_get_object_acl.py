from __future__ import annotations

from tests.gateway.caller import Caller


async def test_the_owner_alone_has_full_control(call: Caller) -> None:
    answer = await call("GET", "/in/b?acl")
    assert (answer.status, answer.texts(".//Permission")) == (200, ["FULL_CONTROL"])


async def test_a_missing_object_has_none(call: Caller) -> None:
    assert (await call("GET", "/in/missing?acl")).code == "NoSuchKey"
