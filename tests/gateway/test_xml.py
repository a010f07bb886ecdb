from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from runner.gateway import xml
from runner.gateway.errors import CODES, S3Error
from tests.gateway.outcome import outcome

any_text = st.text(st.characters(), max_size=50)  # lone surrogates too


def parsed(document: bytes) -> etree._Element:
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False))


@given(any_text)
def test_any_text_makes_a_well_formed_element(text: str) -> None:
    found = parsed(xml.document("Root", [xml.element("Key", text)]))
    assert len(found) == 1
    assert len(found[0].text or "") == len(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=50))
def test_text_that_xml_can_hold_comes_back_unchanged(text: str) -> None:
    text += "\r\n\t"
    assert parsed(xml.document("Root", [xml.element("Key", text)]))[0].text == text


@given(st.sampled_from(sorted(CODES)), any_text, any_text, any_text)
def test_every_error_is_well_formed_and_names_request_and_code(code: str, message: str, detail: str, path: str) -> None:
    error = S3Error(code, message, details={"ArgumentValue": detail})
    found = parsed(xml.error_document(error, path, "0123456789ABCDEF"))
    assert found.tag == "Error"
    assert found.findtext("Code") == code
    assert found.findtext("Message")
    assert found.findtext("RequestId") == "0123456789ABCDEF"
    assert found.find("Resource") is not None


def test_a_control_character_is_replaced_and_hides_nothing_beside_it() -> None:
    assert xml.escape("a\x00b\x1f&\ufffe") == "a\ufffdb\ufffd&amp;\ufffd"


def test_booleans_are_written_as_xml_has_them() -> None:
    assert xml.element("IsTruncated", text=False) == "<IsTruncated>false</IsTruncated>"


def test_timestamps_are_utc_with_milliseconds() -> None:
    moment = datetime(2026, 3, 1, 0, 30, 0, 123999, tzinfo=timezone(timedelta(hours=1)))
    assert xml.timestamp(moment) == "2026-02-28T23:30:00.123Z"


@pytest.mark.parametrize("namespace", ["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'])
def test_a_request_is_read_with_and_without_its_namespace(namespace: str) -> None:
    body = f"<Delete{namespace}><Object><Key> a&amp;b\t</Key></Object></Delete>".encode()
    root = xml.parse(body, "Delete", max_elements=10)
    (node,) = xml.children(root, "Object")
    assert xml.find_text(node, "Key") == " a&b\t"
    assert xml.find_text(node, "VersionId") is None


LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10 if level else b"lol") for level in range(10)
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"no markup",
        b"<Delete>",
        b"<Delete><Object></Delete>",
        b"<Other/>",
        b"<Delete>&undefined;</Delete>",
        b"<Delete>\x00</Delete>",
        b"<Delete>\xff</Delete>",
        b"<!DOCTYPE Delete [" + LAUGHS + b"]><Delete>&l9;</Delete>",
        b'<!DOCTYPE Delete SYSTEM "http://127.0.0.1:1/x.dtd"><Delete/>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE Delete []><Delete/>'.encode("utf-16"),
        b"<Delete>" + b"<Object>" * 400 + b"</Object>" * 400 + b"</Delete>",
        b"<Delete>" + b"<Object/>" * 2001 + b"</Delete>",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_such_document_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Error) as caught:
        xml.parse(body, "Delete", max_elements=1000)
    assert (caught.value.code, caught.value.status) == ("MalformedXML", 400)


def test_an_external_entity_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    body = f'<!DOCTYPE D [<!ENTITY x SYSTEM "{secret.as_uri()}">]><D><Key>&x;</Key></D>'
    with pytest.raises(S3Error, match="not well formed"):
        xml.parse(body.encode(), "D", max_elements=10)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_malformed(body: bytes) -> None:
    assert outcome(lambda: xml.parse(body, "Delete", max_elements=10))[1] in ("", "MalformedXML")


def test_elements_where_text_belongs_are_malformed() -> None:
    root = xml.parse(b"<Delete><Key><b>x</b></Key></Delete>", "Delete", max_elements=10)
    with pytest.raises(S3Error):
        xml.find_text(root, "Key")
    with pytest.raises(S3Error):
        xml.require_text(root, "Quiet")
