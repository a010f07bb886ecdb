from __future__ import annotations

from tests.gateway.caller import Caller


async def test_a_bucket_tells_its_region(call: Caller) -> None:
    answer = await call("HEAD", "/in")
    assert (answer.status, answer.headers["x-amz-bucket-region"], answer.body) == (200, "us-east-1", b"")


async def test_a_missing_bucket_is_404_without_a_document(call: Caller) -> None:
    answer = await call("HEAD", "/other")
    assert (answer.status, answer.body) == (404, b"")
