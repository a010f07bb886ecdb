"""The file of a form: its bytes as they come, which raise at their end when they are not what the form says."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Self

import trio

from runner.gateway.body.announced import Announced
from runner.gateway.body.verified import INLINE_BYTES
from runner.gateway.errors import S3Error
from runner.gateway.form.policy import SizeRange
from runner.host import digests
from runner.model.entry import Checksum, ChecksumAlgorithm


class FormFile:
    """The content of an object that comes in a form. Iterated once.

    Args:
        pieces: Of the file.
        announced: Its digests, as fields of the form name them.
        size_range: How large it may be; None: as it likes.
    """

    def __init__(self, pieces: AsyncIterator[bytes], announced: Announced, size_range: SizeRange | None) -> None:
        self.received = 0
        self._pieces = pieces
        self._announced = announced
        self._range = size_range
        self._algorithm = announced.algorithm or ChecksumAlgorithm.CRC64NVME
        names = [self._algorithm.value] + (["MD5"] if announced.md5 is not None else [])
        self._digests = {name: digests.new(name) for name in names}
        self._checksum: Checksum | None = None

    @property
    def checksum(self) -> Checksum | None:
        """As `runner.store.view.Content.checksum`."""
        return self._checksum

    def __aiter__(self) -> Self:
        """Iterate over the file."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece.

        Raises:
            S3Error: EntityTooLarge, as soon as it is; EntityTooSmall, BadDigest at its end.
        """
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._finish()
            raise
        self.received += len(piece)
        if self._range is not None and self.received > self._range.most:
            raise S3Error("EntityTooLarge")
        if len(piece) > INLINE_BYTES:
            await trio.to_thread.run_sync(self._update, piece)
        else:
            self._update(piece)
        return piece

    def _update(self, piece: bytes) -> None:
        for digest in self._digests.values():
            digest.update(piece)

    def _finish(self) -> None:
        if self._range is not None and self.received < self._range.least:
            raise S3Error("EntityTooSmall")
        value = self._digests[self._algorithm].digest()
        if self._announced.checksum is not None and value != self._announced.checksum:
            raise S3Error("BadDigest")
        if self._announced.md5 is not None and self._digests["MD5"].digest() != self._announced.md5:
            raise S3Error("BadDigest")
        self._checksum = Checksum(self._algorithm, b64encode(value).decode())
