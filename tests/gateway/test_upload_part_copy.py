from __future__ import annotations

import hashlib

import pytest

from tests.gateway.caller import Caller, unchanged
from tests.gateway.conftest import BODY, ETAG
from tests.gateway.uploads import begin, complete


async def copy(call: Caller, upload: str, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call("PUT", f"/out/m?partNumber=1&uploadId={upload}", headers={"x-amz-copy-source": "in/b", **named})


@pytest.mark.parametrize(("wanted", "expected"), [(None, BODY), ("bytes=2-5", BODY[2:6]), ("bytes=0-0", BODY[:1])])
async def test_a_part_is_the_source_or_a_range_of_it(call: Caller, wanted: str | None, expected: bytes) -> None:
    upload = await begin(call)
    answer = await copy(call, upload, **({"x_amz_copy_source_range": wanted} if wanted else {}))
    etag = hashlib.md5(expected).hexdigest()
    assert (answer.status, answer.texts("ETag"), len(answer.texts("LastModified"))) == (200, [f'"{etag}"'], 1)
    await complete(call, upload, [(1, etag)])
    assert (await call("GET", "/out/m")).body == expected


NO_RANGES = (
    ("0-2", "InvalidArgument"),
    ("bytes=0", "InvalidArgument"),
    ("bytes=5-2", "InvalidArgument"),
    ("bytes=0-2,3-5", "InvalidArgument"),
    ("bytes=-5", "InvalidArgument"),
    ("bytes=0-999", "InvalidRange"),
    ("bytes=999-1000", "InvalidRange"),
)


async def test_another_range_copies_nothing(call: Caller) -> None:
    upload = await begin(call)
    for wanted, code in NO_RANGES:
        async with unchanged(call.view):
            answer = await copy(call, upload, x_amz_copy_source_range=wanted)
        assert (answer.status, answer.code) == (400, code)


async def test_an_unmet_condition_copies_nothing(call: Caller) -> None:
    upload = await begin(call)
    async with unchanged(call.view):
        answer = await copy(call, upload, x_amz_copy_source_if_none_match=ETAG)
    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_an_unknown_upload_or_source_is_not_found(call: Caller) -> None:
    assert (await copy(call, "x")).code == "NoSuchUpload"
    upload = await begin(call)
    assert (await copy(call, upload, x_amz_copy_source="in/missing")).code == "NoSuchKey"
