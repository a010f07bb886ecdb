"""What a daemon counts of itself, and ``/metrics``, where Prometheus reads it.

Labels are words that we choose, operations, states, and names of pipelines: never a bucket, a key or an account,
which clients choose and of which there is no end.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import trio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from quart import Response

from runner import __version__
from runner.console.app import Part
from runner.console.figures import StoreCollector
from runner.host.spans import ATTEMPT, FINALIZE, JOB, Span
from runner.model.job import JobState
from runner.store import Store

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_JOB_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)
_PIPELINE = ("project", "pipeline")
_NO_OPERATION = "none"


class Answered(Protocol):
    """What is counted of a request over S3; `runner.gateway.options.Access` is one."""

    @property
    def operation(self) -> str:
        """As AWS spells it; empty when it was refused before it had one."""

    @property
    def status(self) -> int:
        """Of the reply."""

    @property
    def received(self) -> int:
        """Bytes of the request's body."""

    @property
    def sent(self) -> int:
        """Bytes of the reply's."""

    @property
    def seconds(self) -> float:
        """Until the last of them."""


class _OfOperation(NamedTuple):
    """What one request changes; looked up once, since that costs more than the counting."""

    requests: Counter
    seconds: Histogram
    received: Counter
    sent: Counter


class Metrics:
    """The numbers of one daemon; its methods are called on the loop and never wait.

    Args:
        store: Whose figures are read when somebody asks.
    """

    def __init__(self, store: Store) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge("runner_build_info", "1, with the versions as labels.", ("version", "python"), registry=registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._requests = Counter(
            "runner_s3_requests_total", "Requests answered, by HTTP status.", ("operation", "status"), registry=registry
        )
        self._seconds = Histogram(
            "runner_s3_request_duration_seconds",
            "From the head of a request to the last byte of its reply.",
            ("operation",),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._received = Counter(
            "runner_s3_received_bytes_total", "Bytes of request bodies.", ("operation",), registry=registry
        )
        self._sent = Counter("runner_s3_sent_bytes_total", "Bytes of reply bodies.", ("operation",), registry=registry)
        self._jobs = Histogram(
            "runner_job_duration_seconds",
            "Jobs that this process ran to their end, by the state that they ended in.",
            (*_PIPELINE, "state"),
            buckets=_JOB_SECONDS,
            registry=registry,
        )
        self._attempts = Histogram(
            "runner_attempt_duration_seconds",
            "Tries of datums, by what came of them.",
            (*_PIPELINE, "outcome"),
            buckets=_JOB_SECONDS,
            registry=registry,
        )
        self._commits = Histogram(
            "runner_commit_duration_seconds",
            "From the end of the code to its durable commit.",
            _PIPELINE,
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        registry.register(StoreCollector(store))
        self._of_operation: dict[tuple[str, int], _OfOperation] = {}

    def answered(self, access: Answered) -> None:
        """Count a request over S3."""
        key = (access.operation, access.status)
        mine = self._of_operation.get(key)
        if mine is None:
            mine = self._of_operation[key] = self._find(*key)
        mine.requests.inc()
        mine.seconds.observe(access.seconds)
        if access.received:
            mine.received.inc(access.received)
        if access.sent:
            mine.sent.inc(access.sent)

    def ended(self, span: Span) -> None:
        """Count a stretch of a job's life."""
        names = [str(span.attributes[name]) for name in _PIPELINE if name in span.attributes]
        if span.name == JOB and JobState(str(span.attributes["state"])).is_terminal:
            self._jobs.labels(*names, span.attributes["state"]).observe(span.seconds)
        elif span.name == ATTEMPT:
            self._attempts.labels(*names, span.attributes["outcome"]).observe(span.seconds)
        elif span.name == FINALIZE and not span.failure:
            self._commits.labels(*names).observe(span.seconds)

    def collect(self) -> Iterable[Metric]:
        """Yield what there is, without the time at which each number was made, which nobody asks for."""
        for metric in self.registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric

    def _find(self, operation: str, status: int) -> _OfOperation:
        name = operation or _NO_OPERATION
        return _OfOperation(
            self._requests.labels(name, str(status)),
            self._seconds.labels(name),
            self._received.labels(name),
            self._sent.labels(name),
        )


def metrics_routes(metrics: Metrics) -> Part:
    """Return the route, which answers in Prometheus' text format, on a thread: the store is asked as well."""
    part = Part("metrics", __name__)
    one_at_a_time = trio.CapacityLimiter(1)

    @part.get("/metrics")
    async def show() -> Response:
        """Tell all numbers."""
        text = await trio.to_thread.run_sync(generate_latest, metrics, limiter=one_at_a_time)
        return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return part
