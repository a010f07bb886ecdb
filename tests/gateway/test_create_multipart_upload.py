from __future__ import annotations

from tests.gateway.caller import Caller, unchanged
from tests.gateway.uploads import TAIL, begin, complete, send


async def test_an_upload_is_invisible_until_it_is_complete_and_has_the_attributes_of_its_beginning(
    call: Caller,
) -> None:
    upload = await begin(call, headers={"content-type": "text/csv", "x-amz-meta-a": "1"})
    etag = await send(call, upload, 1, TAIL, headers={"content-type": "text/html"})
    assert (await call("HEAD", "/out/m")).status == 404
    assert (await call("GET", "/out?list-type=2")).texts("KeyCount") == ["0"]
    await complete(call, upload, [(1, etag)])
    found = (await call("HEAD", "/out/m")).headers
    assert (found["content-type"], found["x-amz-meta-a"]) == ("text/csv", "1")


CHECKED = (
    ({"x-amz-checksum-algorithm": "CRC32"}, "COMPOSITE"),
    ({"x-amz-checksum-algorithm": "crc32c", "x-amz-checksum-type": "FULL_OBJECT"}, "FULL_OBJECT"),
    ({"x-amz-checksum-algorithm": "CRC64NVME"}, "FULL_OBJECT"),
    ({"x-amz-checksum-algorithm": "SHA256"}, "COMPOSITE"),
)


async def test_how_it_is_checked_is_settled_at_the_beginning(call: Caller) -> None:
    for headers, checksum_type in CHECKED:
        answer = await call("POST", "/out/m?uploads", headers=headers)
        assert answer.headers["x-amz-checksum-algorithm"] == headers["x-amz-checksum-algorithm"].upper()
        assert answer.headers["x-amz-checksum-type"] == checksum_type


REFUSED = (
    ({"x-amz-checksum-algorithm": "MD4"}, "InvalidRequest"),
    ({"x-amz-checksum-type": "COMPOSITE"}, "InvalidRequest"),
    ({"x-amz-checksum-algorithm": "SHA1", "x-amz-checksum-type": "FULL_OBJECT"}, "InvalidRequest"),
    ({"x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"}, "InvalidRequest"),
    ({"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "HALF"}, "InvalidRequest"),
    ({"x-amz-tagging": "=b"}, "InvalidTag"),
)


async def test_a_refused_upload_is_not_begun(call: Caller) -> None:
    for headers, code in REFUSED:
        async with unchanged(call.view):
            assert (await call("POST", "/out/m?uploads", headers=headers)).code == code


async def test_none_begins_in_an_input(call: Caller) -> None:
    answer = await call("POST", "/in/m?uploads")
    assert (answer.status, answer.code) == (403, "AccessDenied")
