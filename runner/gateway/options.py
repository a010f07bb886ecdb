"""What one gateway is told when it starts, and what it tells of each request."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from runner.gateway.principal import Credentials
from runner.host.listen import split_bind
from runner.model.errors import Invalid


class InvalidAdvertise(Invalid):
    """What clients are to be told is no URL."""


@dataclass(frozen=True, slots=True)
class Access:
    """One finished request, for the panel and the log; holds no query, no credentials.

    Attributes:
        operation: As AWS spells it, ``PutObject``; empty when the request was refused before it had one.
        key: As sent; empty when the request names no object.
        code: The S3 error code; empty when it went well.
        received: Bytes of the decoded request body.
        sent: Bytes of the response body.
        seconds: From the head to the last byte sent.
        traceparent: The header of that name, of W3C, as sent: where in a trace the client is.
    """

    request_id: str
    principal: str
    method: str
    operation: str
    bucket: str
    key: bytes
    status: int
    code: str
    received: int
    sent: int
    seconds: float
    traceparent: str = ""


def _ignore(_access: Access) -> None:
    pass


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Settings of one gateway.

    Raises:
        CannotListen, InvalidAdvertise: *bind* or *advertise* has another form.

    Attributes:
        bind: ``HOST:PORT``; port 0 takes a free one.
        advertise: URL that clients are told instead of the address bound; its host is accepted as Host.
        credentials: Who may ask. None: auth is off, any credentials or none are let through and no signature is
            looked at.
        region: What GetBucketLocation says.
        owner: Owner ID and DisplayName.
        idle_seconds: A connection or body that makes no progress for so long is given up.
        tls: Certificate and key for TLS; None: plain HTTP.
        drain_seconds: How long requests under way may go on after the gateway was told to stop.
        on_request: Called on the loop after each request; must not block.
    """

    bind: str = "127.0.0.1:0"
    advertise: str | None = None
    credentials: Credentials | None = None
    region: str = "us-east-1"
    owner: str = "runner"
    idle_seconds: float = 60.0
    drain_seconds: float = 5.0
    tls: ssl.SSLContext | None = None
    on_request: Callable[[Access], None] = _ignore

    def __post_init__(self) -> None:
        split_bind(self.bind)
        if self.advertise is not None:
            url = urlsplit(self.advertise)
            if url.scheme not in {"http", "https"} or not url.hostname:
                raise InvalidAdvertise(f"{self.advertise!r} is no URL", hint="write http://HOST:PORT")
