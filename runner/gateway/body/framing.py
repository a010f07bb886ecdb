"""The aws-chunked encoding of a body, decoded piece by piece. Pure.

Each byte is looked at once, whatever the pieces are cut like, and no more than one line is held. Chunks have
any size: data goes out before its chunk is complete, so whoever takes it must drop it when `Framing` raises later.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import Enum, auto
from typing import Protocol

from runner.gateway.errors import S3Error

LINE_MAX_BYTES = 1024
TRAILERS_MAX = 8
TRAILER_SIGNATURE = "x-amz-trailer-signature"

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[^\r\n]*)?)\r\n")
_SIGNATURE = re.compile(rb";chunk-signature=([0-9a-f]{64})(?:;|$)")
_TRAILER_LINE = re.compile(rb"([!-9;-~]+):[ \t]*([ -~]*?)[ \t]*\r\n")


class ChunkSigner(Protocol):
    """Computes the signatures of a body's chunks, each from the one before."""

    def sign_chunk(self, sha256: str) -> str:
        """Return the signature of the next chunk, whose data have that hex digest."""

    def sign_trailer(self, sha256: str) -> str:
        """Return the signature of the trailer."""


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    END = auto()


class Framing:
    """Decodes one body.

    Args:
        length: Bytes that the decoded body must have.
        has_trailer: Trailers may follow the last chunk.
        signer: Verifies the chunks, and the trailer if there may be one; None: signatures are not looked at.

    Attributes:
        trailers: By lower-case name; whole when `finish` returns.
    """

    def __init__(self, length: int, *, has_trailer: bool, signer: ChunkSigner | None) -> None:
        self.trailers: dict[str, str] = {}
        self._missing = length
        self._has_trailer = has_trailer
        self._signer = signer
        self._state = _State.SIZE
        self._line = bytearray()
        self._chunk_left = 0
        self._chunk_signature = b""
        self._chunk_hash = hashlib.sha256()
        self._trailer_text = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the decoded pieces of *data*.

        Raises:
            S3Error: IncompleteBody for framing that is broken or does not add up to the announced length,
                SignatureDoesNotMatch, MalformedTrailerError.
        """
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            if self._state is _State.DATA:
                piece = data[at : at + self._chunk_left]
                at += len(piece)
                self._take(piece)
                pieces.append(piece)
            else:
                at = self._read_line(data, at)
        return pieces

    def finish(self) -> None:
        """Note that the body ended.

        Raises:
            S3Error: IncompleteBody: it ended early.
        """
        if self._state is not _State.END:
            raise S3Error("IncompleteBody")

    def _take(self, piece: bytes) -> None:
        self._chunk_left -= len(piece)
        if self._signer is not None:
            self._chunk_hash.update(piece)
        if not self._chunk_left:
            self._verify_chunk()
            self._state = _State.DATA_END

    def _read_line(self, data: bytes, at: int) -> int:
        """Go on with the line under way; return where it, or *data*, ends."""
        if self._state is _State.END:
            raise S3Error("IncompleteBody", "The body goes on after its last chunk.")
        end = data.find(b"\n", at) + 1 or len(data)
        if len(self._line) + end - at > LINE_MAX_BYTES:
            raise S3Error("IncompleteBody", "A line of the chunked body is too long.")
        self._line += data[at:end]
        if self._line.endswith(b"\n"):
            line = bytes(self._line)
            self._line.clear()
            self._end_line(line)
        return end

    def _end_line(self, line: bytes) -> None:
        match self._state:
            case _State.SIZE:
                self._begin_chunk(line)
            case _State.DATA_END:
                if line != b"\r\n":
                    raise S3Error("IncompleteBody", "A chunk of the body does not end where its size says.")
                self._state = _State.SIZE
            case _ if line != b"\r\n":
                self._add_trailer(line)
            case _:
                self._end()

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise S3Error("IncompleteBody", "A chunk of the body has no valid size.")
        size = int(match[1], 16)
        if size > self._missing or (size == 0 and self._missing):
            raise S3Error("IncompleteBody", "The chunks do not add up to x-amz-decoded-content-length.")
        signature = _SIGNATURE.search(match[2])
        self._chunk_signature = signature[1] if signature else b""
        self._missing -= size
        self._chunk_left = size
        self._state = _State.DATA
        if size == 0:
            self._verify_chunk()
            self._state = _State.TRAILER

    def _verify_chunk(self) -> None:
        if self._signer is None:
            return
        expected = self._signer.sign_chunk(self._chunk_hash.hexdigest())
        if not hmac.compare_digest(expected.encode(), self._chunk_signature):
            raise S3Error("SignatureDoesNotMatch", "The signature of a chunk does not match.")
        self._chunk_hash = hashlib.sha256()

    def _add_trailer(self, line: bytes) -> None:
        match = _TRAILER_LINE.fullmatch(line)
        if match is None or not self._has_trailer or len(self.trailers) == TRAILERS_MAX:
            raise S3Error("MalformedTrailerError")
        name, value = match[1].decode().lower(), match[2].decode()
        if name in self.trailers or TRAILER_SIGNATURE in self.trailers:
            raise S3Error("MalformedTrailerError")
        if name != TRAILER_SIGNATURE:
            self._trailer_text += f"{name}:{value}\n".encode()
        self.trailers[name] = value

    def _end(self) -> None:
        if self._signer is not None and self._has_trailer:
            expected = self._signer.sign_trailer(hashlib.sha256(self._trailer_text).hexdigest())
            if not hmac.compare_digest(expected, self.trailers.get(TRAILER_SIGNATURE, "")):
                raise S3Error("SignatureDoesNotMatch", "The signature of the trailer does not match.")
        self.trailers.pop(TRAILER_SIGNATURE, None)
        self._state = _State.END
