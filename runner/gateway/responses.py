"""Replies that several operations give in the same form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.gateway import xml
from runner.gateway.request import Response
from runner.model.entry import Checksum

XML_TYPE = "application/xml"


def xml_response(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Return a reply whose body is a document that is written already."""
    return Response(200, {"Content-Type": XML_TYPE, **(headers or {})}, body)


def document(root: str, children: Iterable[str]) -> Response:
    """Return a reply whose body is a document of S3's namespace."""
    return Response(200, {"Content-Type": XML_TYPE}, xml.document(root, children))


def checksum_headers(checksum: Checksum | None) -> dict[str, str]:
    """Return the headers that show an additional checksum, none where there is none."""
    if checksum is None:
        return {}
    return {
        f"x-amz-checksum-{checksum.algorithm.lower()}": checksum.value,
        "x-amz-checksum-type": str(checksum.type),
    }


def checksum_elements(checksum: Checksum | None) -> str:
    """Return the elements that show an additional checksum, none where there is none."""
    if checksum is None:
        return ""
    return xml.element(f"Checksum{checksum.algorithm}", checksum.value) + xml.element("ChecksumType", checksum.type)
