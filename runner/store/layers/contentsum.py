"""The digest of what a commit holds, which costs what changed.

Each object is hashed to a number of 4,096 bits, and a commit is their sum: an object that appears is added, one
that goes is subtracted, so a commit of ten keys over a million hashes ten. Equal sums mean equal objects:
key, size, content digest, content headers and user metadata; no ids, no tags and no times, also not the file's time
that rclone and an import keep as user metadata: the same files copied again are the same content.

Sources: AdHash, https://cseweb.ucsd.edu/~mihir/papers/inchash.html; its modulus for 128 bits of security,
(128 / 2) squared bits, by the attack of https://people.eecs.berkeley.edu/~daw/papers/genbday.html
"""

from __future__ import annotations

from blake3 import blake3

from runner.store.layers.entries import Row, content_attributes

SUM_BYTES = 512
_MASK = (1 << SUM_BYTES * 8) - 1
_PREFIX = b"runner.content/1\n"


class ContentSum:
    """The sum of a set of objects, and how many and how large they are.

    Args:
        state: What `state` returned; empty for no objects.
        objects: How many objects that sum is of.
        size_bytes: Of them all.
    """

    __slots__ = ("_sum", "objects", "size_bytes")

    def __init__(self, state: bytes = b"", objects: int = 0, size_bytes: int = 0) -> None:
        self._sum = int.from_bytes(state, "little")
        self.objects = objects
        self.size_bytes = size_bytes

    def add(self, row: Row) -> None:
        """Count an object in."""
        self._sum = self._sum + _number(row) & _MASK
        self.objects += 1
        self.size_bytes += row.size or 0

    def remove(self, row: Row) -> None:
        """Count out an object that is in."""
        self._sum = self._sum - _number(row) & _MASK
        self.objects -= 1
        self.size_bytes -= row.size or 0

    def state(self) -> bytes:
        """Return the sum, 512 bytes, the least significant first."""
        return self._sum.to_bytes(SUM_BYTES, "little")

    def digest(self) -> bytes:
        """Return the BLAKE3 of a prefix and the sum."""
        return blake3(_PREFIX + self.state()).digest()


def _number(row: Row) -> int:
    """Hash one object: key with its length, size, content digest, attributes."""
    size, digest, meta = row.size or 0, row.digest or b"", content_attributes(row.meta) or b""
    framed = b"".join((len(row.key).to_bytes(2, "big"), row.key, size.to_bytes(8, "big"), digest, meta))
    return int.from_bytes(blake3(framed).digest(length=SUM_BYTES), "little")
