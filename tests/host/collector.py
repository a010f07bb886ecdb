"""A collector of traces: OTLP over HTTP, on a thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span as it arrived."""

    name: str
    trace: str
    id: str
    parent: str
    failure: str
    seconds: float
    attributes: dict[str, object]
    service: str


class Collector:
    """Takes spans until the block ends.

    Attributes:
        spans: All that came.
        headers: Of the last message.
    """

    def __init__(self, status: int = 200) -> None:
        self.spans: list[Seen] = []
        self.headers: dict[str, str] = {}
        self._status = status
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                message = ExportTraceServiceRequest()
                message.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                collector.headers = {name.lower(): value for name, value in self.headers.items()}
                if collector._status == 200:
                    collector.spans += _spans_in(message)
                self.send_response(collector._status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name: str) -> list[Seen]:
        """Return the spans of that name, in the order of their end."""
        return [span for span in self.spans if span.name == name]


def _spans_in(message: ExportTraceServiceRequest) -> list[Seen]:
    return [
        Seen(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.status.message if span.status.code == 2 else "",
            (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
            _named(span.attributes),
            str(_named(resource.resource.attributes)["service.name"]),
        )
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _named(attributes) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
