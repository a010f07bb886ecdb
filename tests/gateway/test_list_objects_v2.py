from __future__ import annotations

from urllib.parse import quote, unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.caller import Answer, Caller
from tests.gateway.conftest import Worlds

KEYS = ("asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla", "foo")


async def fill(call: Caller, *keys: str) -> None:
    for key in keys:
        assert (await call("PUT", f"/out/{quote(key)}", b"x")).status == 200


def listed(answer: Answer) -> tuple[list[str], list[str]]:
    return answer.texts("Contents/Key"), answer.texts("CommonPrefixes/Prefix")


async def test_keys_are_listed_in_the_order_of_their_bytes(call: Caller) -> None:
    await fill(call, "b", "B", "ä", "a/b", "a-b", "a", "\U0001f600", "\uffee")
    answer = await call("GET", "/out?list-type=2")
    assert answer.texts("Contents/Key") == ["B", "a", "a-b", "a/b", "b", "ä", "\uffee", "\U0001f600"]
    assert answer.texts("KeyCount") == ["8"]
    assert answer.texts("MaxKeys") == ["1000"]
    assert answer.texts("IsTruncated") == ["false"]
    for absent in ("NextContinuationToken", "Delimiter", "EncodingType", "StartAfter", "Contents/Owner"):
        assert answer.texts(absent) == []


async def test_an_entry_says_what_head_says(call: Caller) -> None:
    answer = await call("GET", "/in?list-type=2&prefix=b&fetch-owner=true")
    head = (await call("HEAD", "/in/b")).headers
    (entry,) = answer.xml.findall("Contents")
    assert entry.findtext("ETag") == head["etag"]
    assert entry.findtext("StorageClass") == "STANDARD"
    assert entry.findtext("Owner/ID") == "runner"


CHOSEN = (
    ("delimiter=/", ["asdf", "foo"], ["boo/", "cquux/"]),
    ("delimiter=/&prefix=boo/", ["boo/bar"], ["boo/baz/"]),
    ("delimiter=/&prefix=boo", [], ["boo/"]),
    ("delimiter=o", ["asdf", "cquux/bla", "cquux/thud"], ["bo", "fo"]),
    ("delimiter=oo", ["asdf", "cquux/bla", "cquux/thud"], ["boo", "foo"]),
    ("delimiter=", sorted(KEYS), []),
    ("delimiter=%00", sorted(KEYS), []),
    ("prefix=missing", [], []),
    ("start-after=boo/bar", ["boo/baz/xyzzy", "cquux/bla", "cquux/thud", "foo"], []),
    ("start-after=boo/&delimiter=/", ["foo"], ["cquux/"]),
    ("start-after=bzz", ["cquux/bla", "cquux/thud", "foo"], []),
    ("start-after=zzz", [], []),
    ("max-keys=0", [], []),
)


async def test_prefix_delimiter_and_start_choose_what_is_listed(call: Caller) -> None:
    await fill(call, *KEYS)
    for query, keys, prefixes in CHOSEN:
        answer = await call("GET", f"/out?list-type=2&{query}")
        assert listed(answer) == (keys, prefixes)
        assert answer.texts("KeyCount") == [str(len(keys) + len(prefixes))]
        assert answer.texts("IsTruncated") == ["false"]


async def test_parameters_are_echoed_and_an_empty_token_is_none(call: Caller) -> None:
    answer = await call("GET", "/in?list-type=2&prefix=a/&delimiter=/&start-after=a&max-keys=7&continuation-token=")
    for name, value in {"Name": "in", "Prefix": "a/", "Delimiter": "/", "StartAfter": "a", "MaxKeys": "7"}.items():
        assert answer.texts(name) == [value]
    assert answer.texts("ContinuationToken") == [""]


async def test_a_token_outweighs_start_after(call: Caller) -> None:
    await fill(call, "a", "b", "c")
    (token,) = (await call("GET", "/out?list-type=2&max-keys=1")).texts("NextContinuationToken")
    answer = await call("GET", f"/out?list-type=2&start-after=b&continuation-token={token}")
    assert listed(answer)[0] == ["b", "c"]
    assert answer.texts("ContinuationToken") == [token]


async def pages(call: Caller, query: str) -> list[Answer]:
    found, token = [], ""
    while True:
        found.append(await call("GET", f"/out?list-type=2&{query}&continuation-token={token}"))
        following = found[-1].texts("NextContinuationToken")
        assert (found[-1].texts("IsTruncated") == ["true"]) == bool(following)
        if not following:
            return found
        token = following[0]


@settings(max_examples=12, deadline=None)
@given(keys=st.sets(st.text("ab/\u00e9\x01", min_size=1, max_size=5), max_size=15), data=st.data())
async def test_pages_together_are_the_whole_listing(worlds: Worlds, keys: set[str], data: st.DataObject) -> None:
    async with worlds.open() as attempt:
        call = Caller(attempt.view)
        await fill(call, *keys)
        for _ in range(10):
            delimiter = data.draw(st.sampled_from(["", "/", "a", "\u00e9", "ab"]))
            prefix = data.draw(st.sampled_from(["", "a", "a/", "b"]))
            limit = data.draw(st.integers(1, 4))
            query = f"encoding-type=url&delimiter={quote(delimiter)}&prefix={quote(prefix)}&max-keys={limit}"
            shown = [in_order(page) for page in await pages(call, query)]
            chosen = {rolled_up(key, prefix, delimiter) for key in keys if key.startswith(prefix)}
            assert all(len(page) <= limit for page in shown)
            assert [name for page in shown for name in page] == sorted(chosen, key=str.encode)


def in_order(page: Answer) -> list[str]:
    return sorted((unquote(name) for names in listed(page) for name in names), key=str.encode)


def rolled_up(key: str, prefix: str, delimiter: str) -> str:
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return key if at < 0 else key[: at + len(delimiter)]


async def test_url_encoding_covers_keys_prefixes_and_parameters(call: Caller) -> None:
    await fill(call, "a b/+&", "\x01\n")
    answer = await call("GET", "/out?list-type=2&encoding-type=url&prefix=a%20&delimiter=%2B&start-after=%00")
    assert answer.texts("EncodingType") == ["url"]
    assert answer.texts("Prefix") == ["a%20"]
    assert answer.texts("Delimiter") == ["%2B"]
    assert answer.texts("StartAfter") == ["%00"]
    assert listed(answer) == ([], ["a%20b/%2B"])
    assert listed(await call("GET", "/out?list-type=2&encoding-type=url")) == (["%01%0A", "a%20b/%2B%26"], [])


WRONG = (
    "max-keys=-1",
    "max-keys=x",
    "max-keys=99999999999",
    "encoding-type=base64",
    "continuation-token=forged",
    "continuation-token=%FF",
    "prefix=%FF",
    "continuation-token=%C3%A9",
)


async def test_a_wrong_parameter_is_an_invalid_argument(call: Caller) -> None:
    for query in WRONG:
        answer = await call("GET", f"/in?list-type=2&{query}")
        assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_a_missing_bucket_is_not_found(call: Caller) -> None:
    assert (await call("GET", "/other?list-type=2")).code == "NoSuchBucket"
