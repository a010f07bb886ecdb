from __future__ import annotations

from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from runner.gateway import listing
from runner.gateway.errors import S3Error
from tests.gateway.outcome import outcome

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100).map(str.encode)


@given(keys)
def test_a_key_in_url_encoding_comes_back_through_xml_and_the_sdks_decoder(key: bytes) -> None:
    text = listing.KeyWriter(is_encoded=True).element("Key", key)
    assert unquote_plus(etree.fromstring(text).text).encode() == key


def test_url_encoding_leaves_slashes_and_escapes_plus_and_space() -> None:
    assert listing.KeyWriter(is_encoded=True).element("Key", "a/b +ü".encode()) == "<Key>a/b%20%2B%C3%BC</Key>"


@given(st.binary(max_size=100))
def test_a_token_stands_for_its_position(position: bytes) -> None:
    assert listing.position_of(listing.token_for(position)) == position


@given(st.text(max_size=40))
def test_a_forged_token_is_a_position_or_an_invalid_argument(token: str) -> None:
    position, code = outcome(listing.position_of, token)
    assert isinstance(position, bytes) or code == "InvalidArgument"


@pytest.mark.parametrize(
    ("text", "limit"),
    [(None, 1000), ("", 1000), ("0", 0), ("1", 1), ("1000", 1000), ("5000", 1000), ("2147483647", 1000)],
)
def test_a_page_is_as_long_as_asked_for_up_to_1000(text: str | None, limit: int) -> None:
    assert listing.limit_of({} if text is None else {"max-keys": text}) == limit


@pytest.mark.parametrize("text", ["-1", "blah", "2147483648", "9" * 5000, "1.5", "\u0661", " 1"])
def test_a_page_length_that_is_no_number_is_an_invalid_argument(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        listing.limit_of({"max-keys": text})
    assert (caught.value.code, caught.value.status) == ("InvalidArgument", 400)


def test_no_other_encoding_than_url_is_known() -> None:
    assert listing.key_writer({"encoding-type": "url"}).is_encoded
    assert not listing.key_writer({}).is_encoded
    with pytest.raises(S3Error):
        listing.key_writer({"encoding-type": "base64"})
