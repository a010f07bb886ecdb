"""What was last read or written of packs far away: small blobs that were written together are read together."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

BLOCK_BYTES = 256 * 1024
KEPT_BYTES = 32 * 1024 * 1024


class Blocks:
    """Aligned pieces of packs, the least used of which go first. Packs never change, so none is ever out of date."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._blocks: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._held = 0

    def read(self, pack: int, first: int, size: int) -> bytes | None:
        """Return the bytes ``[first, first + size)`` of a pack; fewer at its end; None when a block is not here."""
        numbers = range(first // BLOCK_BYTES, (first + size - 1) // BLOCK_BYTES + 1)
        with self._lock:
            found = [self._blocks.get((pack, number)) for number in numbers]
            for number in numbers:
                if (pack, number) in self._blocks:
                    self._blocks.move_to_end((pack, number))
        blocks = [block for block in found if block is not None]
        if len(blocks) < len(found):
            return None
        start = first - numbers[0] * BLOCK_BYTES
        return b"".join(blocks)[start : start + size]

    def keep(self, pack: int, first: int, data: bytes) -> None:
        """Remember *data*, which begins with a block, at *first*, and ends with one or with the pack."""
        with self._lock:
            for at in range(0, len(data), BLOCK_BYTES):
                key = (pack, (first + at) // BLOCK_BYTES)
                self._drop(key)
                self._blocks[key] = data[at : at + BLOCK_BYTES]
                self._held += len(self._blocks[key])
            while self._held > KEPT_BYTES:
                self._drop(next(iter(self._blocks)))

    def forget(self, pack: int) -> None:
        """Drop what is here of a pack."""
        with self._lock:
            for key in [key for key in self._blocks if key[0] == pack]:
                self._drop(key)

    def _drop(self, key: tuple[int, int]) -> None:
        self._held -= len(self._blocks.pop(key, b""))
