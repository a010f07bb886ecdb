"""What one gateway is told when it starts, and what it tells of each request."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass


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


def _ignore(_access: Access) -> None:
    pass


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Settings of one gateway.

    Attributes:
        bind: ``HOST:PORT``; port 0 takes a free one.
        advertise: URL that clients are told instead of the address bound; its host is accepted as Host.
        token: Access key and secret at once. None: auth is off, any credentials or none are let through and
            no signature is looked at.
        region: What GetBucketLocation says.
        owner: Owner ID and DisplayName.
        idle_seconds: A connection or body that makes no progress for so long is given up.
        tls: Certificate and key for TLS; None: plain HTTP.
        drain_seconds: How long requests under way may go on after the gateway was told to stop.
        on_request: Called on the loop after each request; must not block.
    """

    bind: str = "127.0.0.1:0"
    advertise: str | None = None
    token: str | None = None
    region: str = "us-east-1"
    owner: str = "runner"
    idle_seconds: float = 60.0
    drain_seconds: float = 5.0
    tls: ssl.SSLContext | None = None
    on_request: Callable[[Access], None] = _ignore
