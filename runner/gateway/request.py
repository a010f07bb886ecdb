"""What an operation gets and what it gives back; knows neither ASGI nor Quart.

An operation is ``async def name(request: Request) -> Response``. By the time it runs, the address is
resolved, the credentials are verified and the body, when read, is verified against every digest that the
client sent: it raises an `S3Error` at its end when it was not what was announced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote_to_bytes

from runner.gateway.errors import S3Error
from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Principal, Views
from runner.model.entry import ChecksumAlgorithm
from runner.store.view import Content, View


class Query(Mapping[str, str]):
    """A query string, percent-decoded once, ``+`` as a space; of a repeated name the first value counts.

    Attributes:
        pairs: Every name and value in the order sent; None where there was no ``=``.
    """

    __slots__ = ("_first", "pairs")

    def __init__(self, raw: bytes) -> None:
        self.pairs = tuple(_pair(item) for item in raw.split(b"&") if item) if raw else ()
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name, value or "")

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)


def _pair(item: bytes) -> tuple[str, str | None]:
    name, separator, value = item.partition(b"=")
    return _decode(name), _decode(value) if separator else None


def _decode(text: bytes) -> str:
    try:
        return unquote_to_bytes(text.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as exc:
        raise S3Error("InvalidArgument", "The query string is not UTF-8.") from exc


class Body(Content, Protocol):
    """The decoded bytes of a request: iterated or read once."""

    @property
    def length(self) -> int | None:
        """Bytes that the client announced, without any framing; None when it did not say."""

    async def read_all(self, limit_bytes: int) -> bytes:
        """Return the whole body, verified.

        Raises:
            S3Error: MaxMessageLengthExceeded, above *limit_bytes*; and whatever iteration raises.
        """

    def compute(self, algorithm: ChecksumAlgorithm) -> None:
        """Let `checksum` be of *algorithm* when the client announced none; before the first piece."""


@dataclass(frozen=True, slots=True)
class Request:
    """One S3 request.

    Attributes:
        id: Goes out as ``x-amz-request-id`` and into error documents.
        method: As sent, upper case.
        bucket: None for the service itself.
        key: Percent-decoded once, never normalised, UTF-8; None when the path ends with the bucket.
        query: Parsed.
        headers: Values by lower-case name; bytes as Latin-1, repeated ones joined by ``,``.
        principal: Who asks.
        views: The buckets that a principal sees; a form brings its credentials in its body.
        options: Of the gateway.
        body: Empty when the request has none.
        scheme: ``http`` or ``https``.
        authority: The Host as sent.
    """

    id: str
    method: str
    bucket: str | None
    key: bytes | None
    query: Query
    headers: Mapping[str, str]
    principal: Principal
    views: Views
    options: GatewayOptions
    body: Body
    scheme: str = "http"
    authority: str = ""

    @property
    def view(self) -> View:
        """The buckets that the principal sees; raises `AccessDenied` where he is to see none."""
        return self.views(self.principal)


@dataclass(slots=True)
class Response:
    """The answer to one request.

    Attributes:
        status: HTTP status.
        headers: By name, any case; Content-Length, Date and x-amz-request-id are added on the way out.
        body: Bytes, or an iterator over pieces of 256 to 512 KiB, which then needs *length*.
        length: Bytes of *body*; for HEAD, those that GET would send. None: those of *body*.
        code: The S3 error code; empty when it went well.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
    code: str = ""


Operation = Callable[[Request], Awaitable[Response]]
