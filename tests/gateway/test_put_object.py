from __future__ import annotations

import hashlib
from base64 import b64encode
from urllib.parse import quote
from zlib import crc32

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.caller import Caller, snapshot, unchanged
from tests.gateway.conftest import Worlds


def crc32_of(body: bytes) -> str:
    return b64encode(crc32(body).to_bytes(4, "big")).decode()


async def test_what_was_put_is_read_back_with_its_md5_as_etag(call: Caller) -> None:
    answer = await call("PUT", "/out/k", b"hello")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["etag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    found = await call("GET", "/out/k")
    assert (found.body, found.headers["etag"]) == (b"hello", answer.headers["etag"])
    assert "x-amz-version-id" not in {**answer.headers, **found.headers}


async def test_an_empty_object_is_an_object(call: Caller) -> None:
    await call("PUT", "/out/empty", b"")
    found = await call("GET", "/out/empty")
    assert (found.status, found.body, found.length) == (200, b"", 0)


async def test_headers_and_metadata_come_back_and_a_new_put_replaces_them_all(call: Caller) -> None:
    sent = {
        "content-type": "text/plain",
        "cache-control": "no-cache",
        "content-encoding": "gzip,aws-chunked",
        "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
        "x-amz-meta-empty": "",
        "x-amz-meta-name": "Käse".encode().decode("latin-1"),
        "x-amz-acl": "public-read",
    }
    await call("PUT", "/out/k", b"x", sent)
    found = (await call("HEAD", "/out/k")).headers
    assert {**found, **sent, "content-encoding": "gzip"} == {**found, "x-amz-acl": "public-read"}
    await call("PUT", "/out/k", b"x")
    found = (await call("HEAD", "/out/k")).headers
    assert found["content-type"] == "binary/octet-stream"
    assert not any(name.startswith("x-amz-meta-") for name in found)


async def test_a_checksum_is_echoed_and_shown_on_demand(call: Caller) -> None:
    answer = await call("PUT", "/out/k", b"hello", {"x-amz-checksum-crc32": crc32_of(b"hello")})
    expected = {"x-amz-checksum-crc32": crc32_of(b"hello"), "x-amz-checksum-type": "FULL_OBJECT"}
    assert {**answer.headers, **expected} == answer.headers
    shown = (await call("HEAD", "/out/k", headers={"x-amz-checksum-mode": "ENABLED"})).headers
    assert {**shown, **expected} == shown
    assert not expected.keys() & (await call("HEAD", "/out/k")).headers.keys()


REFUSED = (
    ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
    ({"x-amz-checksum-crc32": ""}, "BadDigest"),
    ({"x-amz-checksum-crc32": crc32_of(b"new"), "x-amz-checksum-sha1": "x"}, "InvalidRequest"),
    ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
    ({"content-md5": b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),
    ({"content-md5": "short"}, "InvalidDigest"),
    ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
    ({"x-amz-tagging": "=b"}, "InvalidTag"),
    ({"x-amz-server-side-encryption": "AES256"}, "NotImplemented"),
    ({"x-amz-acl": "everyone"}, "InvalidArgument"),
    ({"x-amz-meta-a": "x" * 2048}, "MetadataTooLarge"),
    ({"if-none-match": "*"}, "PreconditionFailed"),
    ({"if-none-match": '"900150983cd24fb0d6963f7d28e17f72"'}, "PreconditionFailed"),
    ({"if-match": '"0"'}, "PreconditionFailed"),
    ({"if-match": ""}, "InvalidArgument"),
)


async def test_a_refused_put_leaves_the_object_as_it_was(call: Caller) -> None:
    await call("PUT", "/out/k", b"abc", {"x-amz-meta-a": "1"})
    for headers, code in REFUSED:
        async with unchanged(call.view):
            answer = await call("PUT", "/out/k", b"new", headers)
        assert (headers, answer.code) == (headers, code)


async def test_if_match_asks_for_the_object_that_is_there(call: Caller) -> None:
    assert (await call("PUT", "/out/k", b"1", {"if-match": "*"})).code == "NoSuchKey"
    etag = (await call("PUT", "/out/k", b"1", {"if-none-match": "*"})).headers["etag"]
    assert (await call("PUT", "/out/k", b"2", {"if-match": etag})).status == 200
    assert (await call("PUT", "/out/k", b"3", {"if-match": etag})).code == "PreconditionFailed"
    assert (await call("PUT", "/out/k", b"3", {"if-match": "*", "if-none-match": '"0"'})).status == 200
    assert (await call("GET", "/out/k")).body == b"3"


async def test_of_many_who_put_what_must_be_absent_exactly_one_wins(call: Caller) -> None:
    codes: list[int] = []

    async def put(number: int) -> None:
        codes.append((await call("PUT", "/out/k", b"%d" % number, {"if-none-match": "*"})).status)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(put, number)
    assert sorted(codes) == [200] + [412] * 19


async def test_an_input_cannot_be_written(call: Caller) -> None:
    async with unchanged(call.view):
        answer = await call("PUT", "/in/new", b"x")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert (await call("PUT", "/other/new", b"x")).code == "NoSuchBucket"


@settings(max_examples=10, deadline=None)
@given(
    keys=st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), min_size=1, max_size=30)
)
async def test_any_key_is_kept_as_it_is_and_listed_in_a_well_formed_document(worlds: Worlds, keys: set[str]) -> None:
    async with worlds.open() as attempt:
        call = Caller(attempt.view)
        for key in keys:
            assert (await call("PUT", f"/out/{quote(key, safe='')}", key.encode())).status == 200
        for key in keys:
            assert (await call("GET", f"/out/{quote(key, safe='')}")).body == key.encode()
        encoded = await call("GET", "/out?list-type=2&encoding-type=url")
        assert encoded.texts("Contents/Key") == [quote(key, safe="/*") for key in sorted(keys, key=str.encode)]
        plain = await call("GET", "/out?list-type=2")
        assert [len(text) for text in plain.texts("Contents/Key")] == [len(key) for key in sorted(keys, key=str.encode)]


OPAQUE = ("..", ".", "a//b", "/", "//", "a/", "../in/b", "a/../b", "\\..\\x")


async def test_keys_are_opaque_and_never_leave_their_bucket(call: Caller) -> None:
    inputs = (await snapshot(call.view))[0]
    for key in OPAQUE:
        await call("PUT", f"/out/{key}", b"x")
        await call("PUT", f"/out/{quote(key + 'q', safe='')}", b"y")
    found = await snapshot(call.view)
    assert found[0] == inputs
    assert {name.decode() for name, *_ in found[1][1]} == {*OPAQUE, *(key + "q" for key in OPAQUE)}


async def test_a_key_is_at_most_1024_bytes_long(call: Caller) -> None:
    assert (await call("PUT", "/out/" + "k" * 1024, b"x")).status == 200
