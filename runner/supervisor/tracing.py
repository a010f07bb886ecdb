"""Requests over S3 as spans: under that of the client when he says it, else under the attempt that he is part of."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from runner.gateway.options import Access
from runner.host.log import Log
from runner.host.spans import Span, Spans, Trace
from runner.host.tracing import open_tracing, secrets_in

_OUR_FAULT = 500
_NO_OPERATION = "HTTP"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Who is told what takes time.

    Attributes:
        spans: Opens those of jobs.
        answered: Takes requests over S3.
    """

    spans: Spans
    answered: Callable[[Access], None]


@asynccontextmanager
async def open_telemetry(
    log: Log,
    *,
    ended: Sequence[Callable[[Span], None]] = (),
    answered: Sequence[Callable[[Access], None]] = (),
) -> AsyncIterator[Telemetry]:
    """Tell listeners of spans and requests, and a collector too when OpenTelemetry's variables name one.

    Args:
        log: Hides the credentials of the collector from now on, also when the user's code says them.
        ended: Told of each span of a job.
        answered: Told of each request.
    """
    log.redactor.add(secrets_in(os.environ))
    async with open_tracing(os.environ, log.redactor.text) as tracing:
        trace: Trace | None = None
        listeners = [*answered]
        if tracing is not None:
            trace = tracing.follow
            note = tracing.note

            def note_request(access: Access) -> None:
                note(
                    access.operation or _NO_OPERATION,
                    seconds=access.seconds,
                    traceparent=access.traceparent,
                    attributes=_attributes(access),
                    failure=access.code if access.status >= _OUR_FAULT else "",
                )

            listeners.append(note_request)

        def tell(access: Access) -> None:
            for listener in listeners:
                listener(access)

        yield Telemetry(Spans(ended, trace), listeners[0] if len(listeners) == 1 else tell)


def _attributes(access: Access) -> dict[str, str | int]:
    """Return what is known of a request in OpenTelemetry's names.

    Source: https://opentelemetry.io/docs/specs/semconv/
    """
    attributes: dict[str, str | int] = {
        "http.request.method": access.method,
        "http.response.status_code": access.status,
        "http.request.body.size": access.received,
        "http.response.body.size": access.sent,
        "aws.request_id": access.request_id,
    }
    if access.bucket:
        attributes["aws.s3.bucket"] = access.bucket
    if access.key:
        attributes["aws.s3.key"] = access.key.decode(errors="replace")
    if access.code:
        attributes["error.type"] = access.code
    return attributes
