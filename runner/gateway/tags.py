"""Tags of objects and buckets: how they come in and go out.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tagging.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.gateway import xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Query

HEADER = "x-amz-tagging"
OBJECT_TAGS_MAX, BUCKET_TAGS_MAX = 10, 50
BODY_MAX_BYTES = 64 * 1024

_KEY_MAX, _VALUE_MAX = 128, 256
_ELEMENTS_MAX = 500


def from_header(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that come with an object, written as a query; none where the header does not come.

    Raises:
        S3Error: InvalidTag, InvalidArgument.
    """
    pairs = Query(headers.get(HEADER, "").encode("latin-1")).pairs
    return _checked(((name, value or "") for name, value in pairs), OBJECT_TAGS_MAX)


def from_document(body: bytes, most: int = OBJECT_TAGS_MAX) -> dict[str, str]:
    """Return the tags of a Tagging document.

    Raises:
        S3Error: MalformedXML, InvalidTag.
    """
    root = xml.parse(body, "Tagging", max_elements=_ELEMENTS_MAX)
    sets = xml.children(root, "TagSet")
    if len(sets) != 1:
        raise S3Error("MalformedXML")
    tags = xml.children(sets[0], "Tag")
    return _checked(((xml.require_text(tag, "Key"), xml.require_text(tag, "Value")) for tag in tags), most)


def document(tags: Mapping[str, str]) -> bytes:
    """Return the Tagging document, by key."""
    written = (xml.group("Tag", [xml.element("Key", name), xml.element("Value", tags[name])]) for name in sorted(tags))
    return xml.document("Tagging", [xml.group("TagSet", written)])


def _checked(pairs: Iterable[tuple[str, str]], most: int) -> dict[str, str]:
    tags: dict[str, str] = {}
    for name, value in pairs:
        if not 1 <= len(name) <= _KEY_MAX:
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > _VALUE_MAX:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid")
        if name in tags:
            raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key")
        tags[name] = value
    if len(tags) > most:
        raise S3Error("InvalidTag", f"There cannot be more than {most} tags")
    return tags
