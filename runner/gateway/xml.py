"""Documents of the S3 dialect: replies by string building, requests through a hardened parser.

Replies are UTF-8 and well-formed whatever a key holds. XML 1.0 has no way to write most control
characters; S3 sends them as references that no XML 1.0 parser accepts, here they become U+FFFD, and a
client that must see them asks for ``encoding-type=url``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from runner.gateway.errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_LITERAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
_REPLACEMENT = "\ufffd"


def escape(text: str) -> str:
    """Return *text* as character data of XML 1.0.

    Source: https://www.w3.org/TR/xml/#charsets
    """
    return _NOT_LITERAL.sub(lambda match: _ESCAPES.get(match[0], _REPLACEMENT), text)


def element(name: str, text: object) -> str:
    """Return an element that holds *text*: booleans as ``true`` and ``false``, the rest as ``str`` has it."""
    value = str(text).lower() if isinstance(text, bool) else str(text)
    return f"<{name}>{escape(value)}</{name}>"


def optional(name: str, text: object | None) -> str:
    """Return an element that holds *text*, or nothing where there is none."""
    return "" if text is None else element(name, text)


def group(name: str, children: Iterable[str]) -> str:
    """Return an element around *children*, which are elements already."""
    return f"<{name}>{''.join(children)}</{name}>"


def document(root: str, children: Iterable[str]) -> bytes:
    """Return a whole reply whose *root* is in the namespace of S3."""
    return f'{_DECLARATION}<{root} xmlns="{NAMESPACE}">{"".join(children)}</{root}>'.encode()


def bare_document(root: str, children: Iterable[str]) -> bytes:
    """Return a whole reply that is in no namespace, as the one to a form is."""
    return f"{_DECLARATION}<{root}>{''.join(children)}</{root}>".encode()


def error_document(error: S3Error, resource: str, request_id: str) -> bytes:
    """Return the reply to a refused request; of all documents this one has no namespace."""
    children = [
        element("Code", error.code),
        element("Message", error.message),
        *(element(name, value) for name, value in error.details.items()),
        element("Resource", resource),
        element("RequestId", request_id),
    ]
    return f"{_DECLARATION}<Error>{''.join(children)}</Error>".encode()


def timestamp(moment: datetime) -> str:
    """Return *moment* as documents write it: ISO 8601, milliseconds, UTC."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def parse(body: bytes, root: str, *, max_elements: int) -> Any:
    """Return the root of a request document.

    Nothing outside *body* is looked at: no entities, no DTD, no network. The number of elements is
    bounded before anything is built, the depth by libxml2 (256).

    Args:
        body: The whole document, in UTF-8; its size was bounded when it was read.
        root: Name of the element that it must be, in any namespace.
        max_elements: More than that are refused.

    Raises:
        S3Error: MalformedXML.
    """
    from lxml import etree

    if b"<!DOCTYPE" in body or body.count(b"<") > 2 * max_elements:
        raise S3Error("MalformedXML")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the document declares: the checks above read it as such
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        found = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise S3Error("MalformedXML") from exc
    if _local_name(found) != root:
        raise S3Error("MalformedXML")
    return found


def children(parent: Any, name: str) -> list[Any]:
    """Return the elements called *name* right below *parent*, in any namespace."""
    return [child for child in parent if _local_name(child) == name]


def find_text(parent: Any, name: str) -> str | None:
    """Return the exact text of the first element called *name* right below *parent*.

    Raises:
        S3Error: MalformedXML: it holds elements where text belongs.
    """
    for child in children(parent, name):
        if len(child):
            raise S3Error("MalformedXML")
        return child.text or ""
    return None


def require_text(parent: Any, name: str) -> str:
    """Return what `find_text` does.

    Raises:
        S3Error: MalformedXML: there is none.
    """
    text = find_text(parent, name)
    if text is None:
        raise S3Error("MalformedXML")
    return text


def _local_name(node: Any) -> str:
    return str(node.tag).rpartition("}")[2]
