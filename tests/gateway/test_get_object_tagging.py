from __future__ import annotations

from tests.gateway.caller import Caller


async def test_an_object_has_no_tags(call: Caller) -> None:
    answer = await call("GET", "/in/b?tagging")
    assert (answer.status, answer.xml.tag, len(answer.xml.find("TagSet"))) == (200, "Tagging", 0)


async def test_a_missing_object_is_not_found(call: Caller) -> None:
    assert (await call("GET", "/in/missing?tagging")).code == "NoSuchKey"
