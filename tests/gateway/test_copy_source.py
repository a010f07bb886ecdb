from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.copy_source import parse
from runner.gateway.errors import S3Error


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bucket/key", ("bucket", b"key", "")),
        ("/bucket/a/b", ("bucket", b"a/b", "")),
        ("bucket//a//b/", ("bucket", b"/a//b/", "")),
        ("bucket/a%2Fb", ("bucket", b"a/b", "")),
        ("bucket%2Fkey", ("bucket", b"key", "")),
        ("bucket/100%25", ("bucket", b"100%", "")),
        ("bucket/a%2520b", ("bucket", b"a%20b", "")),
        ("bucket/a+b", ("bucket", b"a+b", "")),
        ("bucket/foo?bar", ("bucket", b"foo?bar", "")),
        ("bucket/%3FversionId", ("bucket", b"?versionId", "")),
        ("bucket/?versionId", ("bucket", b"?versionId", "")),
        ("bucket/%3FversionId%3Dx", ("bucket", b"?versionId=x", "")),
        ("bucket/key?versionId=abc", ("bucket", b"key", "abc")),
        ("bucket/../other/key", ("bucket", b"../other/key", "")),
        ("bucket/%2e%2e/key", ("bucket", b"../key", "")),
        ("../bucket/key", ("..", b"bucket/key", "")),
        ("bucket/\u00c3\u00bc", ("bucket", "ü".encode(), "")),
    ],
)
def test_a_source_is_decoded_once_and_never_normalised(header: str, expected: tuple[str, bytes, str]) -> None:
    assert parse(header) == expected


@pytest.mark.parametrize(
    "header", ["", "/", "bucket", "bucket/", "/bucket", "//key", "bucket/key?versionId=", "bucket/%ff", "?versionId=x"]
)
def test_a_source_without_bucket_or_key_or_with_an_empty_version_is_an_invalid_argument(header: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse(header)
    assert caught.value.code == "InvalidArgument"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_key_that_a_client_encodes_comes_back(key: str) -> None:
    assert parse("bucket/" + quote(key)) == ("bucket", key.encode(), "")
