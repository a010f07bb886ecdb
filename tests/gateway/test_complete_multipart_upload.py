from __future__ import annotations

import hashlib
from base64 import b64encode
from zlib import crc32

from tests.gateway.caller import Caller, unchanged
from tests.gateway.uploads import PART, TAIL, begin, complete, parts_document, put_in_two_parts, send

WHOLE = PART + TAIL
MD5S = [hashlib.md5(body) for body in (PART, TAIL)]
ETAG = f"{hashlib.md5(b''.join(digest.digest() for digest in MD5S)).hexdigest()}-2"
PARTS = [(number, digest.hexdigest()) for number, digest in enumerate(MD5S, 1)]


def crc(body: bytes) -> str:
    return b64encode(crc32(body).to_bytes(4, "big")).decode()


async def test_the_parts_become_one_object(call: Caller) -> None:
    answer = await put_in_two_parts(call)
    assert answer.texts("ETag") == [f'"{ETAG}"']
    assert (answer.texts("Bucket"), answer.texts("Key")) == (["out"], ["m"])
    assert answer.texts("Location") == ["http://127.0.0.1/out/m"]
    found = await call("GET", "/out/m")
    assert (found.body == WHOLE, found.headers["etag"]) == (True, f'"{ETAG}"')
    (entry,) = (await call("GET", "/out?list-type=2")).xml.findall("Contents")
    assert (entry.findtext("Size"), entry.findtext("ETag")) == (str(len(WHOLE)), f'"{ETAG}"')


async def test_parts_of_the_object_can_be_read_alone(call: Caller) -> None:
    await put_in_two_parts(call)
    for number, body in ((1, PART), (2, TAIL)):
        answer = await call("GET", f"/out/m?partNumber={number}")
        assert (answer.status, answer.body == body, answer.headers["x-amz-mp-parts-count"]) == (206, True, "2")
        assert answer.headers["etag"] == f'"{ETAG}"'
    assert (await call("GET", "/out/m?partNumber=3")).code == "InvalidPart"
    assert (await call("GET", "/out/m", headers={"range": f"bytes={len(PART) - 1}-"})).body == PART[-1:] + TAIL


async def test_completed_twice_it_answers_twice_the_same(call: Caller) -> None:
    upload = await begin(call)
    parts = [(1, await send(call, upload, 1, TAIL))]
    first = await complete(call, upload, parts)
    async with unchanged(call.view):
        assert (await complete(call, upload, parts)).body == first.body


async def test_a_part_that_is_not_listed_is_left_out_and_the_last_of_two_counts(call: Caller) -> None:
    upload = await begin(call)
    await send(call, upload, 1, b"left out")
    etag = await send(call, upload, 7, TAIL)
    answer = await complete(call, upload, [(7, "wrong"), (7, f"&quot;{etag}&quot;")])
    assert answer.status == 200, answer.body
    assert (await call("GET", "/out/m")).body == TAIL


WRONG_LISTS = (
    (b"", "MalformedXML"),
    (parts_document([]), "MalformedXML"),
    (b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>", "MalformedXML"),
    (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + parts_document([(1, "&e;")]), "MalformedXML"),
    (parts_document([(2, PARTS[1][1]), (1, PARTS[0][1])]), "InvalidPartOrder"),
    (parts_document([(1, "0" * 32)]), "InvalidPart"),
    (parts_document([PARTS[0], (3, "0" * 32)]), "InvalidPart"),
    (parts_document([(0, "x")]), "InvalidArgument"),
    (parts_document([(10001, "x")]), "InvalidArgument"),
    (parts_document([(1, "x")]).replace(b">1<", b">NaN<"), "InvalidArgument"),
    (parts_document([(number % 10000 + 1, "x") for number in range(10001)]), "InvalidPartOrder"),
)


async def test_a_wrong_list_completes_nothing(call: Caller) -> None:
    upload = await begin(call)
    for number, content in ((1, PART), (2, TAIL)):
        await send(call, upload, number, content)
    for body, code in WRONG_LISTS:
        async with unchanged(call.view):
            answer = await call("POST", f"/out/m?uploadId={upload}", body)
        assert (answer.status, answer.code) == (400, code)


async def test_a_part_before_the_last_below_5_mib_is_too_small(call: Caller) -> None:
    upload = await begin(call)
    parts = [(number, await send(call, upload, number, TAIL)) for number in (1, 2)]
    async with unchanged(call.view):
        answer = await complete(call, upload, parts)
    assert (answer.status, answer.code) == (400, "EntityTooSmall")
    async with unchanged(call.view):
        answer = await complete(call, upload, [*parts, (9999, parts[0][1])])
    assert (answer.status, answer.code) == (400, "InvalidPart")


NO_UPLOADS = ("x", "..%2Fx", "%00", "")


async def test_an_unknown_upload_is_not_found(call: Caller) -> None:
    for upload in NO_UPLOADS:
        answer = await call("POST", f"/out/m?uploadId={upload}", parts_document(PARTS))
        assert (answer.status, answer.code) == (404, "NoSuchUpload")


NOT_HELD = (
    ({"if-none-match": "*"}, "PreconditionFailed"),
    ({"if-match": '"x"'}, "PreconditionFailed"),
    ({"x-amz-mp-object-size": "5"}, "InvalidRequest"),
    ({"x-amz-mp-object-size": "NaN"}, "InvalidRequest"),
    ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "FULL_OBJECT"}, "BadDigest"),
    ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "AAAA"}, "InvalidRequest"),
    ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "HALF"}, "InvalidRequest"),
)


async def test_what_does_not_hold_at_completion_keeps_the_old_object(call: Caller) -> None:
    await call("PUT", "/out/m", b"old")
    upload = await begin(call, headers={"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"})
    parts = [(1, await send(call, upload, 1, TAIL))]
    for headers, code in NOT_HELD:
        async with unchanged(call.view):
            assert (await complete(call, upload, parts, headers=headers)).code == code
    held = {"x-amz-mp-object-size": str(len(TAIL)), "x-amz-checksum-crc32": crc(TAIL)}
    assert (await complete(call, upload, parts, headers=held)).status == 200


async def test_a_checksum_of_the_whole_comes_from_those_of_the_parts(call: Caller) -> None:
    headers = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
    answer = await put_in_two_parts(call, headers=headers)
    assert (answer.texts("ChecksumCRC32"), answer.texts("ChecksumType")) == ([crc(WHOLE)], ["FULL_OBJECT"])
    mode = {"x-amz-checksum-mode": "ENABLED"}
    whole, tail = await call("HEAD", "/out/m", headers=mode), await call("GET", "/out/m?partNumber=2", headers=mode)
    assert (whole.headers["x-amz-checksum-crc32"], whole.headers["x-amz-checksum-type"]) == (crc(WHOLE), "FULL_OBJECT")
    assert tail.headers["x-amz-checksum-crc32"] == crc(TAIL)
    assert "x-amz-checksum-crc32" not in (await call("GET", "/out/m", headers={**mode, "range": "bytes=0-1"})).headers


async def test_a_composite_checksum_counts_the_parts(call: Caller) -> None:
    answer = await put_in_two_parts(call, headers={"x-amz-checksum-algorithm": "SHA256"})
    both = b"".join(hashlib.sha256(body).digest() for body in (PART, TAIL))
    expected = b64encode(hashlib.sha256(both).digest()).decode() + "-2"
    assert (answer.texts("ChecksumSHA256"), answer.texts("ChecksumType")) == ([expected], ["COMPOSITE"])


async def test_a_checksum_of_a_part_in_the_list_must_be_its_own(call: Caller) -> None:
    upload = await begin(call, headers={"x-amz-checksum-algorithm": "CRC32"})
    etag = await send(call, upload, 1, TAIL)
    async with unchanged(call.view):
        wrong = parts_document([(1, etag)], "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>")
        assert (await call("POST", f"/out/m?uploadId={upload}", wrong)).code == "InvalidPart"
    right = parts_document([(1, etag)], f"<ChecksumCRC32>{crc(TAIL)}</ChecksumCRC32>")
    assert (await call("POST", f"/out/m?uploadId={upload}", right)).status == 200
