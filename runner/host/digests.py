"""Streaming digests by name, over native code: MD5, BLAKE3 and the five checksums of S3."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any, Protocol, cast

from blake3 import blake3


class Digest(Protocol):
    """What hashlib's objects do."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """Return the value so far, big-endian for the CRCs."""


class _Crc:
    """A CRC with hashlib's face."""

    __slots__ = ("_function", "_size", "_value")

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _crt() -> Any:
    from awscrt import checksums  # takes as long to load as a tenth of all else: most clients ask for none of them

    return checksums


_NEW: dict[str, Callable[[], Digest]] = {
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "BLAKE3": lambda: cast("Digest", blake3()),
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "CRC32C": lambda: _Crc(_crt().crc32c, 4),
    "CRC64NVME": lambda: _Crc(_crt().crc64nvme, 8),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
}

_COMBINE = {"CRC32": ("combine_crc32", 4), "CRC32C": ("combine_crc32c", 4), "CRC64NVME": ("combine_crc64nvme", 8)}


def new(name: str) -> Digest:
    """Start a digest: ``MD5``, ``BLAKE3`` or one of S3's algorithms as AWS spells it."""
    return _NEW[name]()


def combine_crcs(name: str, parts: list[tuple[bytes, int]]) -> bytes:
    """Return the CRC of concatenated parts from each part's CRC and size in bytes."""
    function_name, size = _COMBINE[name]
    function: Callable[[int, int, int], int] = getattr(_crt(), function_name)
    value = 0
    for crc, length in parts:
        value = function(value, int.from_bytes(crc, "big"), length)
    return value.to_bytes(size, "big")
