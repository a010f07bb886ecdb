"""What decides about tracing, and that nothing of it holds anything up."""

import os
import socket
import sys

import pytest
import structlog.testing
import trio

import runner.host
from runner.host import tracing
from runner.host.spans import JOB, Spans
from runner.host.tracing import open_tracing, secrets_in
from tests.host.collector import Collector

JOB_ID = "0123456789abcdef0123456789abcdef"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def trace(monkeypatch):
    """Trace one job with these variables; return the span and what was warned of."""

    async def trace(**variables):
        for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACE"))]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with structlog.testing.capture_logs() as logs:
            async with open_tracing(os.environ, lambda text: text.replace("secret", "***")) as traced:
                with Spans(trace=traced.follow if traced else None).open(JOB, trace_id=JOB_ID, word="secret") as span:
                    span.failure = "secret"
            await trio.lowlevel.checkpoint()
        assert {log["event"] for log in logs} <= {"tracing.failed"}
        return span, [log["message"] for log in logs]

    return trace


async def test_a_span_is_sent_without_secrets_under_the_trace_that_it_names(trace):
    with Collector() as collector:
        span, warnings = await trace(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_RESOURCE_ATTRIBUTES="a=b")
    [seen] = collector.spans
    assert (seen.name, seen.trace, seen.parent, seen.failure) == (JOB, JOB_ID, "", "***")
    assert seen.attributes == {"runner.word": "***"}
    assert span.traceparent.startswith(f"00-{JOB_ID}-{seen.id}-")
    assert warnings == []


async def test_a_trace_that_nobody_samples_is_passed_on_and_not_sent(trace):
    outer = "ab" * 16
    with Collector() as collector:
        span, _ = await trace(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, TRACEPARENT=f"00-{outer}-{'cd' * 8}-00")
    assert collector.spans == []
    assert span.traceparent.startswith(f"00-{outer}-")
    assert span.traceparent.endswith("-00")


async def test_a_trace_that_is_malformed_is_none(trace):
    with Collector() as collector:
        await trace(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, TRACEPARENT="00-nonsense", TRACESTATE="====")
    assert [(seen.trace, seen.parent) for seen in collector.spans] == [(JOB_ID, "")]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, []),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, ["is grpc"]),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, ["is http/json"]),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, ["max_queue_size"]),
        ({"OTEL_SDK_DISABLED": "true"}, []),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
    ],
)
async def test_what_the_variables_do_not_want_is_not_sent(trace, variables, said):
    with Collector() as collector:
        span, warnings = await trace(**({ENDPOINT: collector.url} | variables if variables else {}))
    assert (collector.spans, span.traceparent) == ([], "")
    assert len(warnings) == len(said)
    assert all(word in warning for word, warning in zip(said, warnings, strict=True))


async def test_without_the_extra_there_is_one_warning_that_names_it(trace, monkeypatch):
    monkeypatch.delitem(sys.modules, "runner.host.otel", raising=False)
    monkeypatch.delattr(runner.host, "otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    _, [warning] = await trace(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert "pip install 'sidecar-runner[otel]'" in warning


async def test_a_collector_that_refuses_or_is_not_there_is_one_warning_without_its_password(trace, monkeypatch):
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _, [warning] = await trace(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://me:password@127.0.0.1:{port}")
    assert f"sending to 127.0.0.1:{port}" in warning
    assert "password" not in warning
    with Collector(status=401) as collector:
        _, [warning] = await trace(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert "all else goes on" in warning


async def test_a_collector_that_does_not_answer_is_waited_for_a_moment_only(trace, monkeypatch):
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = trio.current_time()
        await trace(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert trio.current_time() - began < 8  # seconds; it would take ten


async def test_nothing_is_imported_for_traces_that_nobody_wants():
    program = (
        "import sys, runner.supervisor.run; print('opentelemetry' in sys.modules, 'prometheus_client' in sys.modules)"
    )
    done = await trio.run_process([sys.executable, "-c", program], capture_stdout=True)
    assert done.stdout == b"False False\n"


def test_credentials_are_found_in_headers_of_any_signal_and_names_are_not():
    key = "k" * 20
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={key},tenant=default",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"authorization=Bearer%20{key}2",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
    }
    assert list(secrets_in(environ)) == [key, f"{key}2"]
