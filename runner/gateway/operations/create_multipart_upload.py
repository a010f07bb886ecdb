"""CreateMultipartUpload: begin an object that comes in parts.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.gateway import attributes, xml
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of, key_of
from runner.model.entry import ChecksumAlgorithm, ChecksumType

_HASHES = frozenset({ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256})


async def run(request: Request) -> Response:
    """Begin the upload; attributes and checksum algorithm are settled here."""
    attributes.refuse_unserved(request.headers, request.options.owner)
    bucket, key = await bucket_of(request), key_of(request)
    algorithm, checksum_type = checksum_of(request.headers)
    upload = await bucket.create_upload(key, attributes.from_headers(request.headers), algorithm, checksum_type)
    reply = document(
        "InitiateMultipartUploadResult",
        [
            xml.element("Bucket", bucket.name),
            xml.element("Key", key.decode()),
            xml.element("UploadId", upload.id),
        ],
    )
    if algorithm:
        reply.headers["x-amz-checksum-algorithm"] = str(algorithm)
        reply.headers["x-amz-checksum-type"] = str(checksum_type)
    return reply


def checksum_of(headers: Mapping[str, str]) -> tuple[ChecksumAlgorithm | None, ChecksumType]:
    """Return how the object is to be checked.

    A hash of the whole cannot be had from hashes of its parts, and CRC64NVME is always of the whole.

    Raises:
        S3Error: InvalidRequest: no such algorithm, or a type that it does not have.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    name, type_name = headers.get("x-amz-checksum-algorithm", "").upper(), headers.get("x-amz-checksum-type", "")
    if not name:
        if type_name:
            raise S3Error("InvalidRequest", "The x-amz-checksum-type header needs x-amz-checksum-algorithm.")
        return None, ChecksumType.COMPOSITE
    if name not in ChecksumAlgorithm.__members__:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
    algorithm = ChecksumAlgorithm(name)
    is_whole = algorithm is ChecksumAlgorithm.CRC64NVME
    usual = ChecksumType.FULL_OBJECT if is_whole else ChecksumType.COMPOSITE
    checksum_type = type_name.upper() or usual
    refused = ChecksumType.COMPOSITE if is_whole else ChecksumType.FULL_OBJECT if algorithm in _HASHES else None
    if checksum_type not in ChecksumType.__members__ or checksum_type == refused:
        raise S3Error("InvalidRequest", f"The {type_name} checksum type cannot be used with {algorithm}.")
    return algorithm, ChecksumType(checksum_type)
