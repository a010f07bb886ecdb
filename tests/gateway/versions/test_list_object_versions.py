from __future__ import annotations

import pytest

from tests.gateway.bucket import ENABLED, Bucket


async def pages(bucket: Bucket, query: str, *, removing: bool = False) -> list[tuple[str, str]]:
    """Return key and version of everything that is listed page by page, prefixes as keys without a version."""
    found: list[tuple[str, str]] = []
    markers = ""
    while True:
        answer = await bucket.call("GET", f"/data?versions{query}{markers}")
        assert answer.status == 200, answer.body
        page = [
            (node.findtext("Key") or "", node.findtext("VersionId") or "")
            for node in answer.xml
            if node.tag in ("Version", "DeleteMarker")
        ]
        found += page + [(prefix, "") for prefix in answer.texts("CommonPrefixes/Prefix")]
        if removing:
            for key, version in page:
                await bucket.delete(key, version)
        if answer.texts("IsTruncated") == ["false"]:
            assert answer.texts("NextKeyMarker") == answer.texts("NextVersionIdMarker") == []
            return found
        markers = f"&key-marker={answer.xml.findtext('NextKeyMarker')}"
        if (version := answer.xml.findtext("NextVersionIdMarker")) is not None:
            markers += f"&version-id-marker={version}"


@pytest.fixture
async def filled(bucket: Bucket) -> Bucket:
    """Three versions of each of four keys; two of one key are markers, and one key has but one from before."""
    await bucket.put("old", b"0")
    await bucket.versioning(ENABLED)
    for key in ("a/1", "a/2", "b"):
        for number in range(3):
            await bucket.put(key, b"%d" % number)
    for _ in range(2):
        await bucket.delete("gone")
    return bucket


EXPECTED = ["a/1"] * 3 + ["a/2"] * 3 + ["b"] * 3 + ["gone"] * 2 + ["old"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 1000])
async def test_pages_of_any_size_show_every_version_once(filled: Bucket, limit: int) -> None:
    found = await pages(filled, f"&max-keys={limit}")
    assert [key for key, _ in found] == EXPECTED
    assert len(set(found)) == len(EXPECTED)
    assert found == await pages(filled, "")


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_the_next_page_is_found_also_when_what_was_listed_is_gone(filled: Bucket, limit: int) -> None:
    found = await pages(filled, f"&max-keys={limit}", removing=True)
    assert [key for key, _ in found] == EXPECTED
    assert await filled.list() == []
    assert (await filled.call("DELETE", "/data")).status == 204


async def test_prefix_and_delimiter_roll_up(filled: Bucket) -> None:
    assert [key for key, _ in await pages(filled, "&delimiter=/&max-keys=1")] == ["a/", *EXPECTED[6:]]
    assert [key for key, _ in await pages(filled, "&prefix=a/&delimiter=/")] == EXPECTED[:6]
    assert [key for key, _ in await pages(filled, "&prefix=g")] == ["gone", "gone"]
    assert await pages(filled, "&max-keys=0") == []


async def test_a_key_marker_alone_passes_over_the_whole_key(filled: Bucket) -> None:
    assert [key for key, *_ in await filled.list("&key-marker=a/2")] == EXPECTED[6:]
    assert [key for key, *_ in await filled.list("&key-marker=a/&delimiter=/")] == EXPECTED[6:]
    versions = [version for key, version, *_ in await filled.list() if key == "b"]
    assert [row[1] for row in await filled.list(f"&key-marker=b&version-id-marker={versions[0]}&prefix=b")] == versions[
        1:
    ]


async def test_what_is_listed_is_what_head_says(filled: Bucket) -> None:
    answer = await filled.call("GET", "/data?versions&prefix=b")
    node = answer.xml.find("Version")
    head = await filled.call("HEAD", f"/data/b?versionId={node.findtext('VersionId')}")
    assert (node.findtext("ETag"), node.findtext("Size")) == (head.headers["etag"], "1")
    assert node.findtext("Owner/ID")
    assert answer.texts("DeleteMarker") == []
    marker = (await filled.call("GET", "/data?versions&prefix=gone")).xml.find("DeleteMarker")
    assert [child.tag for child in marker] == ["Key", "VersionId", "IsLatest", "LastModified", "Owner"]


@pytest.mark.parametrize("query", ["&version-id-marker=x", "&key-marker=b&version-id-marker=x", "&max-keys=x"])
async def test_what_names_no_place_is_refused(filled: Bucket, query: str) -> None:
    assert (await filled.call("GET", f"/data?versions{query}")).code == "InvalidArgument"


async def test_keys_are_encoded_where_the_client_asks(bucket: Bucket) -> None:
    await bucket.put("a%20%2B/%C3%BC")
    answer = await bucket.call("GET", "/data?versions&encoding-type=url")
    assert answer.texts("Version/Key") == ["a%20%2B/%C3%BC"]
    assert answer.texts("EncodingType") == ["url"]
