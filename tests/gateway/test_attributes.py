from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway import attributes
from runner.gateway.errors import S3Error
from runner.model.entry import Attributes
from tests.gateway.outcome import outcome


def test_content_headers_and_metadata_are_kept_and_nothing_else() -> None:
    sent = {
        "content-type": "text/plain",
        "expires": "0",
        "x-amz-meta-a": "1",
        "x-amz-meta-b": "",
        "x-amz-acl": "private",
    }
    assert attributes.from_headers(sent) == Attributes(
        headers={"content-type": "text/plain", "expires": "0"}, metadata={"a": "1", "b": ""}
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("aws-chunked", None),
        ("gzip,aws-chunked", "gzip"),
        ("aws-chunked, gzip", "gzip"),
        ("AWS-Chunked,", None),
        ("br", "br"),
    ],
)
def test_the_framing_of_a_request_is_no_encoding_of_the_object(sent: str, kept: str | None) -> None:
    assert attributes.from_headers({"content-encoding": sent}).headers.get("content-encoding") == kept


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_metadata_in_utf8_comes_back_byte_for_byte(text: str) -> None:
    sent = {"x-amz-meta-name": text.encode().decode("latin-1")}
    kept = attributes.from_headers(sent)
    assert kept.metadata == {"name": text}
    assert attributes.to_headers(kept)["x-amz-meta-name"] == sent["x-amz-meta-name"]


def test_metadata_that_is_no_utf8_is_latin1() -> None:
    assert attributes.from_headers({"x-amz-meta-name": "caf\xe9"}).metadata == {"name": "caf\xe9"}


def test_metadata_above_2_kib_are_refused() -> None:
    attributes.from_headers({"x-amz-meta-ab": "x" * 2046})
    with pytest.raises(S3Error) as caught:
        attributes.from_headers({"x-amz-meta-ab": "x" * 2047})
    assert (caught.value.code, caught.value.status) == ("MetadataTooLarge", 400)


def test_an_object_without_a_type_is_binary() -> None:
    assert attributes.to_headers(Attributes()) == {"content-type": "binary/octet-stream"}


def test_overrides_are_read_from_the_query() -> None:
    query = {"response-content-type": "text/csv", "response-expires": "never", "response-date": "x"}
    assert attributes.overrides(query) == {"content-type": "text/csv", "expires": "never"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_override_never_ends_its_header(text: str) -> None:
    found, code = outcome(attributes.overrides, {"response-content-type": text})
    assert code in ("", "InvalidArgument")
    assert found is None or not set(found["content-type"].encode("latin-1")) & {*range(32), 127}


@pytest.mark.parametrize(
    "header",
    [
        "x-amz-server-side-encryption",
        "x-amz-object-lock-mode",
        "x-amz-write-offset-bytes",
    ],
)
def test_what_would_be_dropped_is_refused(header: str) -> None:
    with pytest.raises(S3Error) as caught:
        attributes.refuse_unserved({header: "x"}, "runner")
    assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)


def test_known_canned_acls_pass_and_others_do_not() -> None:
    attributes.refuse_unserved({"x-amz-acl": "public-read", "x-amz-storage-class": "STANDARD_IA"}, "runner")
    with pytest.raises(S3Error) as caught:
        attributes.refuse_unserved({"x-amz-acl": "everyone"}, "runner")
    assert caught.value.code == "InvalidArgument"
