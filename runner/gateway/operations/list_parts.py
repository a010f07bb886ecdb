"""ListParts: what was uploaded of an object so far.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
"""

from __future__ import annotations

from runner.gateway import listing, xml
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import owner_of
from runner.gateway.uploads import upload_of
from runner.model.entry import Part
from runner.store.view import Upload


async def run(request: Request) -> Response:
    """Answer with one page of parts by number."""
    limit = listing.limit_of(request.query, "max-parts")
    after = listing.number_of(request.query, "part-number-marker", 0)
    bucket, upload = await upload_of(request)
    parts, has_more = await bucket.list_parts(upload, after, limit) if limit else ((), False)
    owner = owner_of(request, bucket)
    return document(
        "ListPartsResult",
        [
            xml.element("Bucket", bucket.name),
            xml.element("Key", upload.key.decode()),
            xml.element("UploadId", upload.id),
            listing.owner_element(owner, "Initiator"),
            listing.owner_element(owner),
            xml.element("StorageClass", "STANDARD"),
            xml.element("PartNumberMarker", after),
            xml.element("NextPartNumberMarker", parts[-1].number if parts else 0),
            xml.element("MaxParts", limit),
            xml.element("IsTruncated", has_more),
            *_algorithm(upload),
            *(_part(part, upload) for part in parts),
        ],
    )


def _algorithm(upload: Upload) -> list[str]:
    if upload.algorithm is None:
        return []
    return [xml.element("ChecksumAlgorithm", upload.algorithm), xml.element("ChecksumType", upload.checksum_type)]


def _part(part: Part, upload: Upload) -> str:
    return xml.group(
        "Part",
        [
            xml.element("PartNumber", part.number),
            xml.optional("LastModified", part.modified and xml.timestamp(part.modified)),
            xml.element("ETag", f'"{part.etag}"'),
            xml.element("Size", part.size),
            xml.optional(f"Checksum{upload.algorithm}", part.checksum),
        ],
    )
