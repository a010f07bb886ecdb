from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.gateway.caller import Caller

KEYS = ("asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "foo")


@pytest.fixture
async def filled(call: Caller) -> Caller:
    for key in KEYS:
        await call("PUT", f"/out/{quote(key)}", b"x")
    return call


async def test_a_listing_shows_owners_and_its_parameters(filled: Caller) -> None:
    answer = await filled("GET", "/out?prefix=a")
    assert answer.texts("Contents/Owner/ID") == ["runner"]
    assert (answer.texts("Marker"), answer.texts("Prefix"), answer.texts("MaxKeys")) == ([""], ["a"], ["1000"])
    assert answer.texts("NextMarker") == answer.texts("Delimiter") == answer.texts("KeyCount") == []


async def test_with_a_delimiter_next_marker_is_the_last_key_or_prefix(filled: Caller) -> None:
    seen, marker = [], ""
    while True:
        answer = await filled("GET", f"/out?delimiter=/&max-keys=1&marker={marker}")
        last = answer.texts("Contents/Key") + answer.texts("CommonPrefixes/Prefix")
        seen += last
        if answer.texts("IsTruncated") == ["false"]:
            break
        assert answer.texts("NextMarker") == last
        marker = last[0]
    assert seen == ["asdf", "boo/", "cquux/", "foo"]
    assert answer.texts("NextMarker") == []


async def test_without_a_delimiter_there_is_no_next_marker(filled: Caller) -> None:
    answer = await filled("GET", "/out?max-keys=2")
    assert (answer.texts("IsTruncated"), answer.texts("NextMarker")) == (["true"], [])
    rest = await filled("GET", "/out?marker=" + answer.texts("Contents/Key")[-1])
    assert answer.texts("Contents/Key") + rest.texts("Contents/Key") == list(KEYS)


MARKERS = (
    ("bpp", "cquux/thud"),
    ("zzz", None),
    ("boo/", "boo/bar"),
)


async def test_a_marker_need_not_exist(filled: Caller) -> None:
    for marker, first in MARKERS:
        answer = await filled("GET", f"/out?marker={marker}")
        assert answer.texts("Marker") == [marker]
        assert next(iter(answer.texts("Contents/Key")), None) == first


async def test_the_prefix_stays_as_it_is_under_url_encoding(filled: Caller) -> None:
    answer = await filled("GET", "/out?encoding-type=url&prefix=a%20b&marker=%20&delimiter=%20")
    assert (answer.texts("Prefix"), answer.texts("Marker"), answer.texts("Delimiter")) == (["a b"], ["%20"], ["%20"])


async def test_no_keys_at_all_are_no_truncation(filled: Caller) -> None:
    answer = await filled("GET", "/out?max-keys=0")
    assert (answer.texts("IsTruncated"), answer.texts("Contents")) == (["false"], [])
    assert (await filled("GET", "/other?max-keys=0")).code == "NoSuchBucket"
