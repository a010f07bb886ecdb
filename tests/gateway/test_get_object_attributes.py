from __future__ import annotations

from tests.gateway.caller import Answer, Caller
from tests.gateway.conftest import BODY, ETAG
from tests.gateway.uploads import PART, TAIL, put_in_two_parts


async def ask(call: Caller, target: str, names: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call("GET", f"{target}?attributes", headers={"x-amz-object-attributes": names, **named})


async def test_the_attributes_that_are_asked_for_are_told(call: Caller) -> None:
    answer = await ask(call, "/in/b", "ETag,ObjectSize,StorageClass,Checksum,ObjectParts")
    assert answer.status == 200
    assert [(node.tag, node.text) for node in answer.xml] == [
        ("ETag", ETAG),
        ("StorageClass", "STANDARD"),
        ("ObjectSize", str(len(BODY))),
    ]
    assert "last-modified" in answer.headers
    assert "x-amz-version-id" not in answer.headers


async def test_parts_come_in_pages(call: Caller) -> None:
    await put_in_two_parts(call, headers={"x-amz-checksum-algorithm": "CRC32"})
    first = await ask(call, "/out/m", "ObjectParts,Checksum", x_amz_max_parts="1")
    assert (first.texts("ObjectParts/PartsCount"), first.texts("ObjectParts/IsTruncated")) == (["2"], ["true"])
    assert first.texts("ObjectParts/Part/Size") == [str(len(PART))]
    assert first.texts("Checksum/ChecksumType") == ["COMPOSITE"]
    (marker,) = first.texts("ObjectParts/NextPartNumberMarker")
    second = await ask(call, "/out/m", "ObjectParts", x_amz_part_number_marker=marker)
    assert second.texts("ObjectParts/Part/Size") == [str(len(TAIL))]
    assert second.texts("ObjectParts/IsTruncated") == ["false"]
    assert len(second.texts("ObjectParts/Part/ChecksumCRC32")) == 1


async def test_wrong_requests_are_refused(call: Caller) -> None:
    assert (await ask(call, "/in/b", "")).code == "InvalidArgument"
    assert (await ask(call, "/in/b", "ETag,Colour")).code == "InvalidArgument"
    assert (await ask(call, "/in/missing", "ETag")).code == "NoSuchKey"
