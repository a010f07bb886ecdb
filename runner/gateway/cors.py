"""Cross-origin rules of a bucket: which pages may use it from a browser.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
    https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runner.gateway import xml
from runner.gateway.errors import S3Error

NAME = "cors"
BODY_MAX_BYTES = 64 * 1024

_RULES_MAX = 100
_ELEMENTS_MAX = 5_000
_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})
_AGE_DIGITS_MAX = 9


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        origins: Each with at most one ``*``.
        methods: Upper case.
        headers: Names that a page may send, each with at most one ``*``.
        exposed: Names of the reply that a page may read.
        max_age: Seconds for which a browser need not ask again; None: as it likes.
    """

    name: str | None
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: str | None


def parse(body: bytes) -> list[Rule]:
    """Return the rules of a CORSConfiguration document.

    Raises:
        S3Error: MalformedXML, InvalidRequest.
    """
    root = xml.parse(body, "CORSConfiguration", max_elements=_ELEMENTS_MAX)
    rules = [_rule(node) for node in xml.children(root, "CORSRule")]
    if not 1 <= len(rules) <= _RULES_MAX:
        raise S3Error("MalformedXML")
    return rules


def document(rules: Iterable[Rule]) -> bytes:
    """Return the CORSConfiguration document."""
    return xml.document(
        "CORSConfiguration",
        (
            xml.group(
                "CORSRule",
                [
                    xml.optional("ID", rule.name),
                    *(xml.element("AllowedMethod", method) for method in rule.methods),
                    *(xml.element("AllowedOrigin", origin) for origin in rule.origins),
                    *(xml.element("AllowedHeader", header) for header in rule.headers),
                    *(xml.element("ExposeHeader", header) for header in rule.exposed),
                    xml.optional("MaxAgeSeconds", rule.max_age),
                ],
            )
            for rule in rules
        ),
    )


def find(body: bytes | None, origin: str, method: str, wanted: Sequence[str] = ()) -> Rule | None:
    """Return the first rule that lets a page of *origin* send a request.

    Args:
        body: A document of `document`; None: there are no rules.
        origin: Of the page.
        method: Of the request.
        wanted: Names of headers that it will send.
    """
    for rule in () if body is None else parse(body):
        if (
            method in rule.methods
            and any(_fits(pattern, origin) for pattern in rule.origins)
            and all(any(_fits(pattern.lower(), name.lower()) for pattern in rule.headers) for name in wanted)
        ):
            return rule
    return None


def headers(rule: Rule, origin: str, method: str, wanted: Sequence[str] = ()) -> dict[str, str]:
    """Return the headers of a reply that tell a browser what *rule* allows."""
    is_open = "*" in rule.origins
    found = {
        "Access-Control-Allow-Origin": "*" if is_open else origin,
        "Access-Control-Allow-Methods": method,
        "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    if wanted:
        found["Access-Control-Allow-Headers"] = ", ".join(name.lower() for name in wanted)
    if rule.exposed:
        found["Access-Control-Expose-Headers"] = ", ".join(rule.exposed)
    if rule.max_age is not None:
        found["Access-Control-Max-Age"] = rule.max_age
    if not is_open:
        found["Access-Control-Allow-Credentials"] = "true"
    return found


def _rule(node: Any) -> Rule:
    origins, methods, allowed, exposed = (
        tuple((child.text or "").strip() for child in xml.children(node, name))
        for name in ("AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader")
    )
    if not origins or not methods:
        raise S3Error("MalformedXML")
    if not set(methods) <= _METHODS:
        raise S3Error("InvalidRequest", "Found unsupported HTTP method in CORS config.")
    for pattern in (*origins, *allowed):
        if pattern.count("*") > 1:
            raise S3Error("InvalidRequest", f'"{pattern}" can not have more than one wildcard.')
    max_age = xml.find_text(node, "MaxAgeSeconds")
    if max_age is not None and not (max_age.isascii() and max_age.isdecimal() and len(max_age) <= _AGE_DIGITS_MAX):
        raise S3Error("MalformedXML")
    return Rule(xml.find_text(node, "ID"), origins, methods, allowed, exposed, max_age)


def _fits(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
