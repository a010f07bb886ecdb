"""Spans as OpenTelemetry has them, sent over OTLP. Imported only when somebody wants them; needs the extra ``otel``.

What decides about sampling, batches, limits and the resource are OpenTelemetry's own variables. Spans wait in a
queue for a thread that sends them; when it cannot, they are dropped, and one warning says so.

Sources:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    https://opentelemetry.io/docs/specs/otel/context/env-carriers/
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runner import __version__
from runner.host.spans import Attribute, Span

_NAME = "runner"
_W3C = TraceContextTextMapPropagator()


class Otel:
    """Traces spans, on the loop's thread.

    Args:
        environ: May hold the trace that ours goes on with, as ``TRACEPARENT`` and ``TRACESTATE``.
        clean: Takes secrets out of text.

    Raises:
        ValueError: A variable of OpenTelemetry has a value that it cannot have.
    """

    def __init__(self, environ: Mapping[str, str], clean: Callable[[str], str]) -> None:
        self._ids = _Ids()
        ours = Resource({"service.name": _NAME, "service.version": __version__})
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()),
            id_generator=self._ids,
            shutdown_on_exit=False,  # it would wait for a collector that is not there
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_NAME, __version__)
        carried = {name.lower(): environ[name] for name in ("TRACEPARENT", "TRACESTATE") if name in environ}
        self._outer = _W3C.extract(carried, Context())
        self._clean = clean

    @contextmanager
    def follow(self, span: Span) -> Iterator[None]:
        """Trace a span for as long as the block runs; see `runner.host.spans.Trace`."""
        self._ids.wanted = int(span.trace_id, 16) if span.trace_id else 0
        own = self._tracer.start_span(span.name, self._context(""))
        self._ids.wanted = 0
        with trace.use_span(own, record_exception=False, set_status_on_exception=False):
            carrier: dict[str, str] = {}
            _W3C.inject(carrier)
            span.traceparent = carrier.get("traceparent", "")
            try:
                yield
            finally:
                self._tell(own, {f"{_NAME}.{name}": value for name, value in span.attributes.items()}, span.failure)
                own.end()

    def note(
        self, name: str, *, seconds: float, traceparent: str, attributes: Mapping[str, Attribute], failure: str = ""
    ) -> None:
        """Trace what has just ended.

        Args:
            name: Of the span.
            seconds: How long it took.
            traceparent: What the caller said of his own span; without one it lies in that of this task, if any.
            attributes: In OpenTelemetry's names.
            failure: Why it did not go well.
        """
        end = time.time_ns()
        begin = end - int(seconds * 1e9)
        context = self._context(traceparent)
        own = self._tracer.start_span(name, context, kind=trace.SpanKind.SERVER, start_time=begin)
        self._tell(own, attributes, failure)
        own.end(end)

    def close(self) -> None:
        """Send what waits, on the thread that calls this; takes as long as the collector does."""
        self._provider.shutdown()

    def _context(self, traceparent: str) -> Context:
        """Return where a new span belongs: where its caller says, else to what is under way, else to our own caller."""
        here = trace.get_current_span().get_span_context().is_valid
        context = trace.set_span_in_context(trace.get_current_span()) if here else self._outer
        return _W3C.extract({"traceparent": traceparent}, context) if traceparent else context

    def _tell(self, own: trace.Span, attributes: Mapping[str, Attribute], failure: str) -> None:
        if not own.is_recording():
            return
        for name, value in attributes.items():
            own.set_attribute(name, self._clean(value) if isinstance(value, str) else value)
        if failure:
            own.set_status(trace.Status(trace.StatusCode.ERROR, self._clean(failure)))


class _Ids(RandomIdGenerator):
    """Lets a job name its trace; *wanted* 0: any will do."""

    wanted = 0

    def generate_trace_id(self) -> int:
        """Return the id of a trace that begins now."""
        return self.wanted or super().generate_trace_id()


@contextmanager
def complaints(tell: Callable[[str], None]) -> Iterator[None]:
    """Hand what OpenTelemetry would write to stderr to *tell*, the first line alone; called on any thread."""
    logger, handler = logging.getLogger("opentelemetry"), _First(tell)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.addHandler(logging.NullHandler())  # a thread that still tries is heard by nobody


class _First(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._has_told:
            self._has_told = True
            self._tell(record.getMessage())
