"""What a client stores beside the bytes: content headers and user metadata, in and out.

Header values travel as Latin-1 text, one character a byte, so that metadata in UTF-8 comes back as it
was sent. The store keeps text: UTF-8 where the bytes are, else Latin-1.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.gateway import acl, tags
from runner.gateway.errors import S3Error
from runner.model.entry import Attributes

CONTENT_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
METADATA_PREFIX = "x-amz-meta-"
METADATA_MAX_BYTES = 2048

_NOT_SERVED = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
)


def from_headers(headers: Mapping[str, str]) -> Attributes:
    """Return what a PUT, a copy or an upload is to store beside the bytes.

    Raises:
        S3Error: MetadataTooLarge: names and values of user metadata exceed 2 KiB; InvalidTag.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    kept = {name: _from_wire(headers[name]) for name in CONTENT_HEADERS if name in headers}
    encoding = _without_framing(kept.pop("content-encoding", ""))
    if encoding:
        kept["content-encoding"] = encoding
    metadata = {
        name[len(METADATA_PREFIX) :]: text for name, text in headers.items() if name.startswith(METADATA_PREFIX)
    }
    if sum(len(name) + len(text) for name, text in metadata.items()) > METADATA_MAX_BYTES:
        raise S3Error("MetadataTooLarge")
    return Attributes(
        headers=kept,
        metadata={name: _from_wire(text) for name, text in metadata.items()},
        tags=tags.from_header(headers),
    )


def to_headers(attributes: Attributes) -> dict[str, str]:
    """Return the headers of a reply that show *attributes*."""
    headers = {name: _to_wire(text) for name, text in attributes.headers.items()}
    headers.setdefault("content-type", DEFAULT_CONTENT_TYPE)
    for name, text in attributes.metadata.items():
        headers[METADATA_PREFIX + name] = _to_wire(text)
    if attributes.tags:
        headers["x-amz-tagging-count"] = str(len(attributes.tags))
    return headers


def overrides(query: Mapping[str, str]) -> dict[str, str]:
    """Return the content headers that ``response-*`` parameters of a GET or HEAD put in place of the stored ones.

    Raises:
        S3Error: InvalidArgument: a value holds control characters, which would end the header.
    """
    found = {}
    for name in CONTENT_HEADERS:
        text = query.get(f"response-{name}")
        if text is None:
            continue
        if any(character < " " or character == "\x7f" for character in text):
            raise S3Error("InvalidArgument", f"The response-{name} parameter holds control characters.")
        found[name] = _to_wire(text)
    return found


def refuse_unserved(headers: Mapping[str, str], owner: str) -> None:
    """Refuse a write that asks for more than is kept, rather than drop what it asks for.

    Storage classes are let through: there is one.

    Args:
        headers: By lower-case name.
        owner: Whom an access control list may name.

    Raises:
        S3Error: NotImplemented, or what `runner.gateway.acl.judge_headers` raises.
    """
    for name in _NOT_SERVED:
        if headers.get(name):
            raise S3Error("NotImplemented", details={"Header": name})
    acl.judge_headers(headers, owner)


def _without_framing(encoding: str) -> str:
    """Drop ``aws-chunked``, which says how the request was framed and nothing of the object."""
    tokens = (token.strip() for token in encoding.split(","))
    return ",".join(token for token in tokens if token and token.lower() != "aws-chunked")


def _from_wire(text: str) -> str:
    raw = text.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text


def _to_wire(text: str) -> str:
    return text.encode().decode("latin-1")
