from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.gateway.caller import Answer, Caller
from tests.gateway.uploads import begin


def listed(answer: Answer) -> list[str]:
    return answer.texts("Upload/Key") + answer.texts("CommonPrefixes/Prefix")


async def pages(call: Caller, query: str) -> list[Answer]:
    found, place = [], ""
    while True:
        found.append(await call("GET", f"/out?uploads&{query}{place}"))
        if found[-1].texts("IsTruncated") == ["false"]:
            return found
        (key,), (upload,) = found[-1].texts("NextKeyMarker"), found[-1].texts("NextUploadIdMarker")
        place = f"&key-marker={quote(key)}&upload-id-marker={quote(upload)}"


@pytest.fixture
async def uploads(call: Caller) -> dict[str, str]:
    return {await begin(call, key): key for key in ("a/1", "b", "a/1", "a/2/x", "c d", "a/1", "z/1", "z/2")}


async def test_uploads_are_listed_by_key_and_id(call: Caller, uploads: dict[str, str]) -> None:
    answer = await call("GET", "/out?uploads")
    shown = list(zip(answer.texts("Upload/Key"), answer.texts("Upload/UploadId"), strict=True))
    assert shown == sorted((key, upload) for upload, key in uploads.items())
    assert len(answer.texts("Upload/Initiated")) == len(uploads)
    assert (answer.texts("IsTruncated"), answer.texts("NextKeyMarker")) == (["false"], [])


LISTINGS = (
    ("", ["a/1", "a/1", "a/1", "a/2/x", "b", "c d", "z/1", "z/2"]),
    ("delimiter=/", ["a/", "b", "c d", "z/"]),
    ("delimiter=/&prefix=a/", ["a/1", "a/1", "a/1", "a/2/"]),
    ("prefix=z", ["z/1", "z/2"]),
    ("prefix=none", []),
)


async def test_pages_together_are_the_whole_listing(call: Caller, uploads: dict[str, str]) -> None:
    for query, expected in LISTINGS:
        for limit in (1, 2, 3, 1000):
            found = [listed(page) for page in await pages(call, f"{query}&max-uploads={limit}")]
            assert (query, sorted(name for page in found for name in page)) == (query, expected)
            assert all(len(page) <= limit for page in found)


async def test_a_key_marker_alone_passes_over_all_uploads_of_its_key(call: Caller, uploads: dict[str, str]) -> None:
    assert listed(await call("GET", "/out?uploads&key-marker=a/1"))[0] == "a/2/x"
    assert listed(await call("GET", "/out?uploads&key-marker=a/&delimiter=/")) == ["b", "c d", "z/"]
    assert listed(await call("GET", "/out?uploads&max-uploads=0")) == []


async def test_keys_are_encoded_on_demand(call: Caller, uploads: dict[str, str]) -> None:
    answer = await call("GET", "/out?uploads&encoding-type=url&prefix=c%20")
    assert (answer.texts("EncodingType"), answer.texts("Upload/Key")) == (["url"], ["c%20d"])


async def test_an_input_has_no_uploads(call: Caller) -> None:
    assert listed(await call("GET", "/in?uploads")) == []
    assert (await call("GET", "/other?uploads")).code == "NoSuchBucket"
