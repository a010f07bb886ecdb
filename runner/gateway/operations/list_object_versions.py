"""ListObjectVersions: every version of every object, delete markers among them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
"""

from __future__ import annotations

from runner.gateway import listing, xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of
from runner.model.entry import Checksum
from runner.store.view import ObjectVersion


async def run(request: Request) -> Response:
    """Answer with one page; the markers name a place, also when what stood there is gone."""
    query = request.query
    keys, limit = listing.key_writer(query), listing.limit_of(query)
    prefix, delimiter, marker = (query.get(name, "").encode() for name in ("prefix", "delimiter", "key-marker"))
    version_marker = query.get("version-id-marker", "")
    if version_marker and not marker:
        raise S3Error("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    bucket = await bucket_of(request)
    page = await bucket.list_versions(prefix, delimiter, marker, version_marker, limit)
    owner = listing.owner_element(request.options.owner)
    versions = [item for item in page.items if isinstance(item, ObjectVersion)]
    return document(
        "ListVersionsResult",
        [
            xml.element("Name", bucket.name),
            keys.element("Prefix", prefix),
            keys.element("KeyMarker", marker),
            xml.element("VersionIdMarker", version_marker),
            *_next(page.next_after, keys),
            xml.element("MaxKeys", limit),
            keys.element("Delimiter", delimiter) if delimiter else "",
            xml.element("IsTruncated", page.next_after is not None),
            keys.encoding_type(),
            *(_version(version, keys, owner) for version in versions),
            *listing.common_prefixes((item for item in page.items if isinstance(item, bytes)), keys),
        ],
    )


def _next(position: tuple[bytes, str] | None, keys: listing.KeyWriter) -> list[str]:
    if position is None:
        return []
    key, version = position
    return [keys.element("NextKeyMarker", key), xml.element("NextVersionIdMarker", version) if version else ""]


def _version(version: ObjectVersion, keys: listing.KeyWriter, owner: str) -> str:
    head = [
        keys.element("Key", version.key),
        xml.element("VersionId", version.id),
        xml.element("IsLatest", version.is_latest),
        xml.element("LastModified", xml.timestamp(version.modified)),
    ]
    entry = version.entry
    if entry is None:
        return xml.group("DeleteMarker", [*head, owner])
    return xml.group(
        "Version",
        [
            *head,
            xml.element("ETag", f'"{entry.etag}"'),
            _algorithm(entry.checksum),
            xml.element("Size", entry.size),
            "<StorageClass>STANDARD</StorageClass>",
            owner,
        ],
    )


def _algorithm(checksum: Checksum | None) -> str:
    if checksum is None:
        return ""
    return xml.element("ChecksumAlgorithm", checksum.algorithm) + xml.element("ChecksumType", checksum.type)
