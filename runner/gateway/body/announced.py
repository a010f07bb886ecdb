"""What a request's headers say about its body. Pure.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from runner.gateway.errors import S3Error
from runner.host import digests
from runner.model.entry import ChecksumAlgorithm

PAYLOAD_HASH = "x-amz-content-sha256"
DECODED_LENGTH = "x-amz-decoded-content-length"
CHECKSUM_HEADERS: Mapping[str, ChecksumAlgorithm] = {f"x-amz-checksum-{a.lower()}": a for a in ChecksumAlgorithm}

_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_DECIMAL = re.compile(r"[0-9]{1,18}")
_MD5_BYTES = 16


class Payload(Enum):
    """Forms of a body, by the value of ``x-amz-content-sha256`` that announces each."""

    UNSIGNED = "UNSIGNED-PAYLOAD"
    SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_framed(self) -> bool:
        """Whether the body is aws-chunked."""
        return self is not Payload.UNSIGNED

    @property
    def is_signed(self) -> bool:
        """Whether each chunk carries a signature."""
        return self in {Payload.SIGNED_CHUNKS, Payload.SIGNED_CHUNKS_TRAILER}

    @property
    def has_trailer(self) -> bool:
        """Whether headers may follow the last chunk."""
        return self in {Payload.SIGNED_CHUNKS_TRAILER, Payload.UNSIGNED_CHUNKS_TRAILER}


@dataclass(frozen=True, slots=True)
class Announced:
    """What a body must be.

    Attributes:
        payload: Its form.
        length: Bytes without framing; None when the client did not say.
        has_body: The head says that a body follows, be it an empty one.
        sha256: Of the whole, if announced.
        md5: The same.
        algorithm: Of the additional checksum, if one was announced.
        checksum: Its value; None: the trailer named *trailer* has it.
    """

    payload: Payload
    length: int | None
    has_body: bool
    sha256: bytes | None = None
    md5: bytes | None = None
    algorithm: ChecksumAlgorithm | None = None
    checksum: bytes | None = None
    trailer: str | None = None


def read(headers: Mapping[str, str], *, has_checksum: bool = True) -> Announced:
    """Read what *headers*, by lower-case name, announce.

    Args:
        headers: Of the request.
        has_checksum: False where ``x-amz-checksum-*`` speaks of something else than this body.

    Raises:
        S3Error: NotImplemented for an unknown STREAMING form, MissingContentLength, InvalidDigest, BadDigest,
            InvalidRequest, InvalidArgument.
    """
    payload, sha256 = _payload(headers.get(PAYLOAD_HASH))
    length, has_body = _length(headers, payload)
    algorithm, checksum, trailer = _checksum(headers, payload) if has_checksum else (None, None, None)
    return Announced(payload, length, has_body, sha256, _md5(headers.get("content-md5")), algorithm, checksum, trailer)


def _payload(value: str | None) -> tuple[Payload, bytes | None]:
    if value is None:
        return Payload.UNSIGNED, None
    if _HEX_SHA256.fullmatch(value):
        return Payload.UNSIGNED, bytes.fromhex(value)
    try:
        return Payload(value), None
    except ValueError as exc:
        if value.startswith("STREAMING-"):
            raise S3Error(
                "NotImplemented", f"Bodies of the form {PAYLOAD_HASH} announces are not implemented."
            ) from exc
        raise S3Error("InvalidArgument", f"{PAYLOAD_HASH} holds neither a SHA-256 nor a form of body.") from exc


def _length(headers: Mapping[str, str], payload: Payload) -> tuple[int | None, bool]:
    """Return the length without framing, and whether a body follows."""
    has_body = "content-length" in headers or "transfer-encoding" in headers
    name = DECODED_LENGTH if payload.is_framed else "content-length"
    value = headers.get(name)
    if value is None:
        if payload.is_framed and has_body:
            raise S3Error("MissingContentLength", f"You must provide the {DECODED_LENGTH} HTTP header.")
        return None, has_body
    if not _DECIMAL.fullmatch(value):
        raise S3Error("InvalidArgument", f"{name} is not a length in bytes.")
    return int(value), has_body


def _md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    md5 = _base64(value)
    if md5 is None or len(md5) != _MD5_BYTES:
        raise S3Error("InvalidDigest")
    return md5


def _checksum(
    headers: Mapping[str, str], payload: Payload
) -> tuple[ChecksumAlgorithm | None, bytes | None, str | None]:
    """Return the algorithm, and its value or the name of the trailer that will hold it."""
    values = [name for name in CHECKSUM_HEADERS if name in headers]
    trailers = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()]
    if len(values) + len(trailers) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    name = next(iter(values + trailers), None)
    if name is not None and name not in CHECKSUM_HEADERS:
        raise S3Error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported.")
    if bool(trailers) is not payload.has_trailer:
        raise S3Error("InvalidRequest", f"x-amz-trailer does not fit the form of body in {PAYLOAD_HASH}.")
    wanted = headers.get("x-amz-sdk-checksum-algorithm")
    if name is None:
        if wanted is not None:
            raise S3Error("InvalidRequest", "x-amz-sdk-checksum-algorithm came without a checksum.")
        return None, None, None
    algorithm = CHECKSUM_HEADERS[name]
    if wanted is not None and wanted.upper() != algorithm:
        raise S3Error("InvalidRequest", "x-amz-sdk-checksum-algorithm names another algorithm than the checksum.")
    return (algorithm, None, name) if trailers else (algorithm, decode_checksum(algorithm, headers[name]), None)


def decode_checksum(algorithm: ChecksumAlgorithm, value: str) -> bytes:
    """Return the bytes of a base64 checksum.

    Raises:
        S3Error: BadDigest: it cannot be one of *algorithm*.
    """
    checksum = _base64(value)
    if checksum is None or len(checksum) != len(digests.new(algorithm).digest()):
        raise S3Error("BadDigest", f"The {algorithm} that you specified is not a valid one.")
    return checksum


def _base64(value: str) -> bytes | None:
    try:
        return b64decode(value, validate=True)
    except ValueError:
        return None
