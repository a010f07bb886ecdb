from __future__ import annotations

import re

import pytest

from tests.gateway.caller import Caller
from tests.gateway.conftest import BODY, ETAG


async def test_an_object_is_sent_whole_with_what_describes_it(call: Caller) -> None:
    answer = await call("GET", "/in/b")
    assert (answer.status, answer.body, answer.length) == (200, BODY, len(BODY))
    assert answer.headers["etag"] == f'"{ETAG}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-amz-meta-colour"] == "red"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["last-modified"])
    assert not answer.headers.keys() & {"x-amz-version-id", "content-range", "x-amz-mp-parts-count"}


RANGES = (
    ("bytes=0-0", BODY[:1]),
    ("bytes=3-", BODY[3:]),
    ("bytes=-4", BODY[-4:]),
    ("bytes=2-999", BODY[2:]),
)


async def test_a_range_is_206_and_says_where_it_lies(call: Caller) -> None:
    for header, expected in RANGES:
        answer = await call("GET", "/in/b", headers={"range": header})
        first = BODY.index(expected)
        assert (answer.status, answer.body, answer.length) == (206, expected, len(expected))
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(BODY)}"


NO_RANGES = ("bytes=0-1,3-4", "bytes=5-2", "bytes=x-y", "lines=1-2")


async def test_what_is_no_single_range_gets_the_whole_object(call: Caller) -> None:
    for header in NO_RANGES:
        answer = await call("GET", "/in/b", headers={"range": header})
        assert (answer.status, answer.body) == (200, BODY)


OUTSIDE = (
    ("b", "bytes=100-"),
    ("b", "bytes=-0"),
    ("empty", "bytes=0-"),
    ("empty", "bytes=-1"),
)


async def test_a_range_outside_is_416(call: Caller) -> None:
    for key, header in OUTSIDE:
        answer = await call("GET", f"/in/{key}", headers={"range": header})
        assert (answer.status, answer.code) == (416, "InvalidRange")
        assert answer.headers["content-range"] == f"bytes */{len(BODY) if key == 'b' else 0}"


async def test_a_range_meant_for_another_object_gets_the_whole_one(call: Caller) -> None:
    for tag, status in ((f'"{ETAG}"', 206), ('"other"', 200)):
        answer = await call("GET", "/in/b", headers={"range": "bytes=0-1", "if-range": tag})
        assert answer.status == status


@pytest.mark.parametrize("name", ["if-none-match", "if-modified-since"])
async def test_what_the_client_has_is_304_without_a_body(call: Caller, name: str) -> None:
    head = (await call("HEAD", "/in/b")).headers
    value = head["etag"] if name == "if-none-match" else head["last-modified"]
    answer = await call("GET", "/in/b", headers={name: value})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", f'"{ETAG}"')


@pytest.mark.parametrize(
    "headers", [{"if-match": '"x"'}, {"if-unmodified-since": "Thu, 01 Jan 2015 00:00:00 GMT"}], ids=str
)
async def test_what_the_client_does_not_want_is_412(call: Caller, headers: dict[str, str]) -> None:
    answer = await call("GET", "/in/b", headers=headers)
    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_the_query_overrides_content_headers(call: Caller) -> None:
    answer = await call(
        "GET", "/in/b?response-content-type=text%2Fcsv&response-expires=never&response-cache-control=no"
    )
    assert (answer.headers["content-type"], answer.headers["expires"]) == ("text/csv", "never")
    split = await call("GET", "/in/b?response-content-type=a%0d%0aset-cookie:x")
    assert (split.status, split.code) == (400, "InvalidArgument")


async def test_an_object_put_at_once_is_its_own_first_part(call: Caller) -> None:
    answer = await call("GET", "/in/b?partNumber=1")
    assert (answer.status, answer.body) == (206, BODY)
    assert "x-amz-mp-parts-count" not in answer.headers
    assert (await call("GET", "/in/empty?partNumber=1")).status == 200
    assert (await call("GET", "/in/b?partNumber=2")).code == "InvalidPart"


NO_PARTS = ("0", "-1", "10001", "NaN", "")


async def test_a_part_number_outside_its_range_is_an_invalid_argument(call: Caller) -> None:
    for number in NO_PARTS:
        assert (await call("GET", f"/in/b?partNumber={number}")).code == "InvalidArgument"


async def test_a_range_and_a_part_exclude_each_other(call: Caller) -> None:
    assert (await call("GET", "/in/b?partNumber=1", headers={"range": "bytes=0-1"})).code == "InvalidRequest"


NOT_THERE = (
    ("/in/missing", "NoSuchKey"),
    ("/in/b/", "NoSuchKey"),
    ("/in/../out/b", "NoSuchKey"),
    ("/in/%2e%2e/out/b", "NoSuchKey"),
    ("/other/b", "NoSuchBucket"),
    ("/../b", "NoSuchBucket"),
    ("/in/b?versionId=abc", "NoSuchVersion"),
    ("/in/b?versionId=", "InvalidArgument"),
)


async def test_what_is_not_there_is_not_found(call: Caller) -> None:
    for target, code in NOT_THERE:
        assert (await call("GET", target)).code == code


async def test_the_null_version_is_the_object(call: Caller) -> None:
    answer = await call("GET", "/in/b?versionId=null")
    assert answer.body == BODY
    assert "x-amz-version-id" not in answer.headers


async def test_a_reader_that_began_keeps_the_old_bytes(call: Caller) -> None:
    await call("PUT", "/out/k", b"old")
    reader = await (await call.view.get_bucket("out")).get(b"k")
    await call("PUT", "/out/k", b"new")
    assert b"".join([piece async for piece in reader.read(0, 3)]) == b"old"
