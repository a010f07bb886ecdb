from __future__ import annotations

from tests.gateway.caller import Caller


async def test_versioning_was_never_set(call: Caller) -> None:
    answer = await call("GET", "/out?versioning")
    assert (answer.status, answer.xml.tag, len(answer.xml)) == (200, "VersioningConfiguration", 0)
