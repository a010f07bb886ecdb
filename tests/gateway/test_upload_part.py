from __future__ import annotations

import hashlib
from base64 import b64encode
from zlib import crc32

import pytest

from tests.gateway.caller import Caller, unchanged
from tests.gateway.uploads import begin, complete, send


async def test_a_part_has_its_md5_as_etag_and_a_part_sent_again_replaces_it(call: Caller) -> None:
    upload = await begin(call)
    assert await send(call, upload, 1, b"one") == hashlib.md5(b"one").hexdigest()
    etag = await send(call, upload, 1, b"two")
    await complete(call, upload, [(1, etag)])
    assert (await call("GET", "/out/m")).body == b"two"


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_part_has_a_checksum_by_the_algorithm_of_its_upload(call: Caller, is_sent: bool) -> None:  # noqa: FBT001
    upload = await begin(call, headers={"x-amz-checksum-algorithm": "CRC32"})
    value = b64encode(crc32(b"one").to_bytes(4, "big")).decode()
    headers = {"x-amz-checksum-crc32": value} if is_sent else {}
    answer = await call("PUT", f"/out/m?partNumber=1&uploadId={upload}", b"one", headers)
    assert answer.headers["x-amz-checksum-crc32"] == value
    assert "x-amz-checksum-type" not in answer.headers
    assert (await call("GET", f"/out/m?uploadId={upload}")).texts("Part/ChecksumCRC32") == [value]


NO_NUMBERS = ("0", "-1", "10001", "NaN", "")


async def test_a_part_number_outside_its_range_stores_nothing(call: Caller) -> None:
    upload = await begin(call)
    for number in NO_NUMBERS:
        async with unchanged(call.view):
            answer = await call("PUT", f"/out/m?partNumber={number}&uploadId={upload}", b"x")
        assert (answer.status, answer.code) == (400, "InvalidArgument")


NO_UPLOADS = (
    "x",
    "..",
    "..%2F..%2Fetc",
    "0",
    "%00",
    "a" * 2000,
    "",
)


async def test_an_unknown_upload_of_any_shape_is_not_found(call: Caller) -> None:
    for upload in NO_UPLOADS:
        async with unchanged(call.view):
            answer = await call("PUT", f"/out/m?partNumber=1&uploadId={upload}", b"x")
        assert (answer.status, answer.code) == (404, "NoSuchUpload")


async def test_an_upload_belongs_to_its_key(call: Caller) -> None:
    upload = await begin(call)
    assert (await call("PUT", f"/out/other?partNumber=1&uploadId={upload}", b"x")).code == "NoSuchUpload"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-checksum-sha1": b64encode(hashlib.sha1(b"new").digest()).decode()}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"content-md5": b64encode(hashlib.md5(b"x").digest()).decode()}, "BadDigest"),
    ],
    ids=["other-algorithm", "wrong-checksum", "wrong-md5"],
)
async def test_a_refused_part_leaves_the_one_before(call: Caller, headers: dict[str, str], code: str) -> None:
    upload = await begin(call, headers={"x-amz-checksum-algorithm": "CRC32"})
    await send(call, upload, 1, b"old")
    async with unchanged(call.view):
        assert (await call("PUT", f"/out/m?partNumber=1&uploadId={upload}", b"new", headers)).code == code
