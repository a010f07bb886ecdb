r"""The form of a pack: self-describing frames, so that an index can be rebuilt from packs alone.

A pack is its head (``RUNRPACK``, version ``1``, 7 zero bytes) and frames. A frame is, big-endian:

======  =====  ==========================================
offset  bytes  meaning
======  =====  ==========================================
0       4      ``\xf5BLB``: not UTF-8, so text never looks like it
4       1      version, ``1``
5       3      zero
8       8      size of the data in bytes
16      32     BLAKE3 of the data
48      size   data
======  =====  ==========================================

A version is never reinterpreted: another form gets another number.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from runner.store.blobs import Frame

PACK_HEAD = b"RUNRPACK\x01" + bytes(7)

_FRAME = struct.Struct(">4sB3xQ32s")
_MAGIC = b"\xf5BLB"
_VERSION = 1

FRAME_HEAD_BYTES = _FRAME.size


def frame_head(digest: bytes, size: int) -> bytes:
    """Return what stands before the data of a blob."""
    return _FRAME.pack(_MAGIC, _VERSION, size, digest)


def frames_of(read: Callable[[int, int], bytes], end: int) -> Iterator[Frame]:
    """Yield what a pack of *end* bytes says it holds, up to its end or to the first thing that is no frame.

    Args:
        read: Gives bytes of the pack: first, size.
        end: Its size in bytes.
    """
    at = len(PACK_HEAD)
    if end < at or read(0, at) != PACK_HEAD:
        return
    while at + FRAME_HEAD_BYTES <= end:
        head = parse_frame_head(read(at, FRAME_HEAD_BYTES))
        at += FRAME_HEAD_BYTES
        if head is None or at + head[1] > end:
            return
        digest, size = head
        yield Frame(at, size, digest)
        at += size


def parse_frame_head(head: bytes) -> tuple[bytes, int] | None:
    """Return digest and size, or None when *head* begins no frame that we know."""
    if len(head) != _FRAME.size:
        return None
    magic, version, size, digest = _FRAME.unpack(head)
    return (digest, size) if magic == _MAGIC and version == _VERSION else None
