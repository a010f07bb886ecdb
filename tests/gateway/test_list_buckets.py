from __future__ import annotations

from tests.gateway.caller import REQUEST_ID, Caller


async def test_the_buckets_of_a_job_are_its_inputs_and_out(call: Caller) -> None:
    answer = await call("GET", "/")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.texts("Buckets/Bucket/Name") == ["in", "out"]
    assert all(date.endswith("Z") for date in answer.texts("Buckets/Bucket/CreationDate"))
    assert answer.texts("Owner/ID") == answer.texts("Owner/DisplayName") == ["runner"]
    assert answer.texts("ContinuationToken") == []


async def test_pages_of_buckets_follow_each_other(call: Caller) -> None:
    first = await call("GET", "/?max-buckets=1")
    (token,) = first.texts("ContinuationToken")
    second = await call("GET", f"/?max-buckets=1&continuation-token={token}")
    assert first.texts(".//Bucket/Name") + second.texts(".//Bucket/Name") == ["in", "out"]
    assert second.texts("ContinuationToken") == []


async def test_buckets_are_chosen_by_prefix(call: Caller) -> None:
    assert (await call("GET", "/?prefix=o")).texts(".//Bucket/Name") == ["out"]


async def test_a_page_of_no_buckets_is_an_invalid_argument(call: Caller) -> None:
    answer = await call("GET", "/?max-buckets=0")
    assert (answer.status, answer.code, answer.texts("RequestId")) == (400, "InvalidArgument", [REQUEST_ID])
