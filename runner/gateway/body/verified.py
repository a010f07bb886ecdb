"""The stream that an operation reads: decoded, and verified when it ends."""

from __future__ import annotations

from base64 import b64encode
from typing import Self

import trio

from runner.gateway.body.announced import Announced, decode_checksum
from runner.gateway.body.framing import ChunkSigner, Framing
from runner.gateway.body.source import Source
from runner.gateway.errors import S3Error
from runner.host import digests
from runner.model.entry import Checksum, ChecksumAlgorithm

INLINE_BYTES = 64 * 1024
"""A thread costs some 80 us: smaller blocks are hashed on the loop, which they hold up for less."""

_FAST = frozenset({"CRC32C", "CRC64NVME"})  # 60 to 120 us a MiB


class VerifiedBody:
    """A body that raises at its end when it was not what the client announced.

    Iterated or read once, one piece at a time; a piece is some 256 KiB. Whoever takes the pieces must not
    publish them before the iteration has ended well.

    Args:
        source: The bytes as they arrive.
        announced: What they must be.
        signer: For bodies whose chunks are signed; None: their signatures are not looked at.

    Raises (while iterated):
        S3Error: MissingContentLength, IncompleteBody, BadDigest, XAmzContentSHA256Mismatch,
            SignatureDoesNotMatch, MalformedTrailerError, RequestTimeout.
        ClientVanished: The client is gone.

    Cancellation: safe; waits for the hash of one piece.
    """

    def __init__(self, source: Source, announced: Announced, signer: ChunkSigner | None) -> None:
        self.received = 0
        self._source = source
        self._announced = announced
        self._algorithm = announced.algorithm
        self._checksum: Checksum | None = None
        self._is_finished = False
        self._framing = (
            Framing(
                announced.length or 0,
                has_trailer=announced.payload.has_trailer,
                signer=signer if announced.payload.is_signed else None,
            )
            if announced.payload.is_framed and announced.has_body
            else None
        )
        names = [name for name, value in (("SHA256", announced.sha256), ("MD5", announced.md5)) if value is not None]
        self._digests = {name: digests.new(name) for name in names}
        if self._algorithm is not None:
            self._digests.setdefault(self._algorithm, digests.new(self._algorithm))
        self._is_slow = announced.payload.is_framed or not self._digests.keys() <= _FAST

    @property
    def length(self) -> int | None:
        """Bytes that the client announced, without any framing; None when it did not say."""
        return self._announced.length

    @property
    def checksum(self) -> Checksum | None:
        """The additional checksum of the bytes; valid after the last piece."""
        return self._checksum

    def compute(self, algorithm: ChecksumAlgorithm) -> None:
        """Let `checksum` be of *algorithm* when the client announced none; before the first piece."""
        if self._algorithm is None:
            self._algorithm = algorithm
            self._digests.setdefault(algorithm, digests.new(algorithm))
            self._is_slow = self._is_slow or algorithm not in _FAST

    def __aiter__(self) -> Self:
        """Iterate over the body."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        if not self._announced.has_body:
            raise S3Error("MissingContentLength")
        while not self._is_finished:
            block = await self._source.read()
            if self._is_slow and len(block) > INLINE_BYTES:
                piece = await trio.to_thread.run_sync(self._take, block)
            else:
                piece = self._take(block)
            if self._source.is_done and not block:
                self._finish()
            if piece:
                self.received += len(piece)
                return piece
        raise StopAsyncIteration

    async def read_all(self, limit_bytes: int) -> bytes:
        """Return the whole body, verified; empty when there is none.

        Raises:
            S3Error: MaxMessageLengthExceeded: it is longer than *limit_bytes*; and what iteration raises.
        """
        if not self._announced.has_body:
            return b""
        if (self._announced.length or 0) > limit_bytes:
            raise S3Error("MaxMessageLengthExceeded")
        whole = bytearray()
        async for piece in self:
            whole += piece
            if len(whole) > limit_bytes:
                raise S3Error("MaxMessageLengthExceeded")
        return bytes(whole)

    def _take(self, block: bytes) -> bytes:
        pieces = [block] if self._framing is None else self._framing.feed(block)
        for digest in self._digests.values():
            for piece in pieces:
                digest.update(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _finish(self) -> None:
        if self._framing is not None:
            self._framing.finish()
        values = {name: digest.digest() for name, digest in self._digests.items()}
        announced = self._announced
        if self._algorithm is not None:
            value = values[self._algorithm]
            if announced.algorithm is not None and value != self._expected_checksum(announced.algorithm):
                raise S3Error("BadDigest", f"The {announced.algorithm} you specified did not match what we received.")
            self._checksum = Checksum(self._algorithm, b64encode(value).decode())
        if announced.md5 is not None and values["MD5"] != announced.md5:
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
        if announced.sha256 is not None and values["SHA256"] != announced.sha256:
            raise S3Error("XAmzContentSHA256Mismatch")
        self._is_finished = True

    def _expected_checksum(self, algorithm: ChecksumAlgorithm) -> bytes | None:
        """Return the value of the header, or of the one trailer that was announced."""
        if self._announced.trailer is None:
            return self._announced.checksum
        trailers = {} if self._framing is None else self._framing.trailers
        if set(trailers) != {self._announced.trailer}:
            raise S3Error("MalformedTrailerError")
        return decode_checksum(algorithm, trailers[self._announced.trailer])
