"""ListMultipartUploads: uploads in progress, by key and id.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.gateway import listing, xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of, owner_of
from runner.store.view import Bucket, Upload


@dataclass(frozen=True, slots=True)
class _Position:
    """A place in the order of uploads; *upload_id* empty: behind all of *key*."""

    key: bytes = b""
    upload_id: str = ""


async def run(request: Request) -> Response:
    """Answer with one page of uploads and common prefixes."""
    query = request.query
    keys, limit = listing.key_writer(query), listing.limit_of(query, "max-uploads")
    prefix, delimiter, marker = (query.get(name, "").encode() for name in ("prefix", "delimiter", "key-marker"))
    id_marker = query.get("upload-id-marker", "") if marker else ""
    bucket = await bucket_of(request)
    items, last = await _page(bucket, prefix, delimiter, _start(marker, id_marker, prefix, delimiter), limit)
    owner = owner_of(request, bucket)
    return document(
        "ListMultipartUploadsResult",
        [
            xml.element("Bucket", bucket.name),
            keys.element("KeyMarker", marker),
            xml.element("UploadIdMarker", id_marker),
            keys.element("NextKeyMarker", last.key) if last else "",
            xml.element("NextUploadIdMarker", last.upload_id) if last else "",
            keys.element("Prefix", prefix),
            keys.element("Delimiter", delimiter) if delimiter else "",
            xml.element("MaxUploads", limit),
            xml.element("IsTruncated", last is not None),
            keys.encoding_type(),
            *(_upload(item, keys, owner) for item in items if isinstance(item, Upload)),
            *(
                f"<CommonPrefixes>{keys.element('Prefix', item)}</CommonPrefixes>"
                for item in items
                if isinstance(item, bytes)
            ),
        ],
    )


def _start(marker: bytes, id_marker: str, prefix: bytes, delimiter: bytes) -> _Position:
    """Return the position behind which a page begins; a marker that is a common prefix passes over all of it."""
    is_rolled_up = bool(marker) and _rolled_up(marker, prefix, delimiter) == marker
    return _behind(marker) if is_rolled_up else _Position(marker, id_marker)


async def _page(
    bucket: Bucket, prefix: bytes, delimiter: bytes, start: _Position, limit: int
) -> tuple[list[Upload | bytes], _Position | None]:
    """Return a page and, when there is more behind it, its last position.

    The store lists uploads flat; keys below one common prefix are passed over by a seek behind it.
    """
    items: list[Upload | bytes] = []
    position, has_more = start, limit > 0
    last = _Position()
    while has_more:
        uploads, has_more = await bucket.list_uploads(prefix, position.key, position.upload_id, limit + 1)
        for upload in uploads:
            if len(items) == limit:
                return items, last
            rolled = _rolled_up(upload.key, prefix, delimiter)
            items.append(rolled or upload)
            last = _Position(rolled) if rolled else _Position(upload.key, upload.id)
            position = _behind(rolled) if rolled else last
            if rolled:
                has_more = True
                break
    return items, None


def _rolled_up(key: bytes, prefix: bytes, delimiter: bytes) -> bytes:
    """Return the common prefix that *key* belongs to, empty if none."""
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: at + len(delimiter)] if at >= 0 else b""


def _behind(rolled: bytes) -> _Position:
    """Return the position behind every key that begins with *rolled*: no UTF-8 holds the byte 0xFF."""
    return _Position(rolled + b"\xff")


def _upload(upload: Upload, keys: listing.KeyWriter, owner: str) -> str:
    return xml.group(
        "Upload",
        [
            keys.element("Key", upload.key),
            xml.element("UploadId", upload.id),
            listing.owner_element(owner, "Initiator"),
            listing.owner_element(owner),
            xml.element("StorageClass", "STANDARD"),
            xml.element("Initiated", xml.timestamp(upload.initiated)),
            xml.optional("ChecksumAlgorithm", upload.algorithm),
            xml.optional("ChecksumType", upload.algorithm and upload.checksum_type),
        ],
    )
