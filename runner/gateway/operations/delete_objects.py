"""DeleteObjects: remove up to 1,000 objects, each with an answer of its own.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from runner.gateway import xml
from runner.gateway.conditions import etags, parse_date, parse_size
from runner.gateway.errors import S3Error, translate
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of
from runner.model.entry import KEY_MAX_BYTES, Condition
from runner.model.errors import RunnerError
from runner.store.view import Bucket, Deletion

BODY_MAX_BYTES = 8 * 1024 * 1024
OBJECTS_MAX = 1000
ELEMENTS_MAX = 10 * OBJECTS_MAX
AT_ONCE = 100  # the store makes what waits together durable together


@dataclass(frozen=True, slots=True)
class _Item:
    """One object as the client names it."""

    key: str
    version: str
    condition: Condition


async def run(request: Request) -> Response:
    """Remove the objects in no particular order and answer in the order of the request."""
    bucket = await bucket_of(request)
    body = await request.body.read_all(BODY_MAX_BYTES)
    root = xml.parse(body, "Delete", max_elements=ELEMENTS_MAX)
    items = [_item(node) for node in xml.children(root, "Object")]
    if not 1 <= len(items) <= OBJECTS_MAX:
        raise S3Error("MalformedXML")
    is_quiet = (xml.find_text(root, "Quiet") or "").strip().lower() == "true"
    answers = await _delete_all(bucket, items)
    return document("DeleteResult", [_element(item, answers[item], is_quiet=is_quiet) for item in items])


def _item(node: Any) -> _Item:
    return _Item(xml.require_text(node, "Key"), xml.find_text(node, "VersionId") or "", _condition(node))


def _condition(node: Any) -> Condition:
    """Return what one deletion depends on; raises MalformedXML for what cannot be read, and so not be kept."""
    etag, date, size = (xml.find_text(node, name) for name in ("ETag", "LastModifiedTime", "Size"))
    condition = Condition(
        if_match=() if etag is None else etags(etag),
        if_modified=None if date is None else parse_date(date),
        if_size=None if size is None else parse_size(size),
    )
    pairs = ((etag, condition.if_match or None), (date, condition.if_modified), (size, condition.if_size))
    if any(text is not None and value is None for text, value in pairs):
        raise S3Error("MalformedXML")
    return condition


async def _delete_all(bucket: Bucket, items: list[_Item]) -> dict[_Item, Deletion | S3Error]:
    answers: dict[_Item, Deletion | S3Error] = {}
    pending = iter(dict.fromkeys(items))

    async def work() -> None:
        for item in pending:
            answers[item] = await _delete(bucket, item)

    async with trio.open_nursery() as nursery:
        for _ in range(min(AT_ONCE, len(items))):
            nursery.start_soon(work)
    return answers


async def _delete(bucket: Bucket, item: _Item) -> Deletion | S3Error:
    """Remove one object; what speaks against it is an answer, not the end of the request."""
    key = item.key.encode()
    if not 1 <= len(key) <= KEY_MAX_BYTES:
        return S3Error("KeyTooLongError" if key else "MalformedXML")
    try:
        return await bucket.delete(key, item.condition, item.version)
    except (RunnerError, S3Error) as error:
        return translate(error)


def _element(item: _Item, answer: Deletion | S3Error, *, is_quiet: bool) -> str:
    key = xml.element("Key", item.key) + xml.optional("VersionId", item.version or None)
    if isinstance(answer, S3Error):
        return xml.group("Error", [key, xml.element("Code", answer.code), xml.element("Message", answer.message)])
    marker = ""
    if answer.is_marker:
        marker = xml.element("DeleteMarker", text=True) + xml.element("DeleteMarkerVersionId", answer.version)
    return "" if is_quiet else xml.group("Deleted", [key, marker])
