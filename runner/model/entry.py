"""What the store knows of one object, and what a client says about one.

Keys are bytes everywhere below the gateway and the command line: 1 to 1,024 bytes of UTF-8, never
normalised. They are decoded only where a person or a client reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

KEY_MAX_BYTES = 1024
PART_NUMBER_MAX = 10_000


class ChecksumAlgorithm(StrEnum):
    """The five additional checksums of S3, as AWS spells them."""

    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"
    SHA1 = "SHA1"
    SHA256 = "SHA256"


class ChecksumType(StrEnum):
    """Whether a value covers all bytes, or the checksums of the parts."""

    FULL_OBJECT = "FULL_OBJECT"
    COMPOSITE = "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Checksum:
    """An additional checksum; *value* is base64, with ``-N`` when composite."""

    algorithm: ChecksumAlgorithm
    value: str
    type: ChecksumType = ChecksumType.FULL_OBJECT


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a client stored beside the bytes.

    Attributes:
        headers: Content headers by lower-case name: content-type, cache-control, content-disposition,
            content-encoding, content-language, expires.
        metadata: User metadata by lower-case name without ``x-amz-meta-``.
        tags: S3's tags, which may change while the object stays the same.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart upload, or of the object it became.

    Attributes:
        number: 1 to 10,000.
        size: Bytes.
        etag: Hex MD5 of the part, without quotes.
        checksum: Base64 value by the upload's algorithm; None when the upload has none.
        modified: When the part was acknowledged.
    """

    number: int
    size: int
    etag: str
    checksum: str | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a commit or of a staging layer.

    Attributes:
        key: 1 to 1,024 bytes of UTF-8.
        size: Bytes.
        etag: Hex MD5, or ``md5-of-md5s-N`` of a multipart upload; without quotes.
        digest: BLAKE3 of the content, or of its list of extents; equal digests mean equal bytes.
        modified: When the write was acknowledged, aware UTC; kept in commits and forks.
        attributes: Content headers and user metadata.
        checksum: The additional checksum that was verified or computed, if any.
        parts: Of a multipart object, in order; else empty.
        content: The store's own handle on the bytes; opaque elsewhere.
        version: Id of the version that it is, in a bucket that keeps some; else empty.
    """

    key: bytes
    size: int
    etag: str
    digest: bytes
    modified: datetime
    attributes: Attributes = field(default_factory=Attributes)
    checksum: Checksum | None = None
    parts: tuple[Part, ...] = ()
    content: object = field(default=None, compare=False, repr=False)
    version: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """Preconditions of a write, judged inside the transaction that makes it visible.

    Attributes:
        if_match: ETags without quotes, or ``*``; empty: no condition.
        if_none_match: The same.
        if_modified: Of a deletion: when the object was last modified, to the whole second; None: no condition.
        if_size: Of a deletion: the object's bytes; None: no condition.
    """

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()
    if_modified: datetime | None = None
    if_size: int | None = None


NO_CONDITION = Condition()
