"""Traces of real jobs, as a collector gets them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from tests import databases
from tests.host.collector import Collector
from tests.supervisor.server import Server
from tests.supervisor.test_worker import ended, put_lines, until
from tests.supervisor.worker import Worker, spec

CODE = """
import os, urllib.request
endpoint, trace = os.environ["S3_ENDPOINT"], os.environ["TRACEPARENT"]
print("parent", trace, flush=True)
print("headers", os.environ.get("OTEL_EXPORTER_OTLP_HEADERS"), flush=True)
urllib.request.urlopen(f"{endpoint}/data/lines").read()
mine = trace[:36] + "00000000000000aa" + trace[52:]
request = urllib.request.Request(f"{endpoint}/out/k", data=b"x", method="PUT", headers={"traceparent": mine})
urllib.request.urlopen(request).close()
"""


@pytest.fixture
def run(tmp_path):
    """Run a job of a program; give the finished process."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "lines").write_text("zero\n")

    def run(program=CODE, **variables):
        file = spec(tmp_path, "one", "data", program)
        where = ("--store", databases.name_of(tmp_path / "store"))
        words = ["run", file, "--input", f"data={source}", *where, "--log-format", "json"]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACEPARENT"))}
        return subprocess.run(
            [sys.executable, "-m", "runner", *map(str, words)],
            capture_output=True,
            text=True,
            env={**environ, **variables},
            timeout=60,
            check=False,
        )

    return run


def records(done):
    return [json.loads(line) for line in done.stderr.splitlines()]


def said(done, word):
    """Return what the program printed after a word."""
    lines = [record["message"].split(" ", 1) for record in records(done) if record.get("user")]
    return next(line[1] for line in lines if line[0] == word)


def test_a_job_is_a_trace_under_its_own_id(run):
    secret = "key-0123456789abcdef"
    with Collector() as collector:
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_HEADERS=f"api-key={secret},tenant=one")
    assert done.returncode == 0
    assert collector.headers["api-key"] == secret
    assert said(done, "headers") == "api-key=***,tenant=one"
    job_id = done.stdout.strip().partition("@")[2]
    assert {span.trace for span in collector.spans} == {job_id}
    [job], [attempt], [command], [finalize] = map(collector.named, ("job", "attempt", "command", "finalize"))
    [get], [put] = map(collector.named, ("GetObject", "PutObject"))
    assert job.parent == ""
    assert attempt.parent == finalize.parent == job.id
    assert command.parent == get.parent == attempt.id
    assert put.parent == "00000000000000aa"
    assert said(done, "parent")[:-2] == f"00-{job_id}-{attempt.id}-"
    assert int(said(done, "parent")[-2:], 16) & 1  # sampled
    assert job.attributes == {
        "runner.project": "default",
        "runner.pipeline": "one",
        "runner.job_id": job_id,
        "runner.state": "SUCCESS",
    }
    assert attempt.attributes["runner.outcome"] == "success"
    assert (put.attributes["aws.s3.bucket"], put.attributes["aws.s3.key"]) == ("out", "k")
    assert put.attributes["http.response.status_code"] == 200
    assert job.seconds >= attempt.seconds >= command.seconds > 0
    assert {span.service for span in collector.spans} == {"runner"}
    assert not any(span.failure for span in collector.spans)


def test_a_trace_that_we_were_started_in_goes_on(run):
    outer = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with Collector() as collector:
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="mine", TRACEPARENT=outer)
    assert {span.trace for span in collector.spans} == {"ab" * 16}
    assert [span.parent for span in collector.named("job")] == ["cd" * 8]
    assert said(done, "parent").startswith(f"00-{'ab' * 16}-")
    assert {span.service for span in collector.spans} == {"mine"}


def test_what_fails_says_why(run):
    with Collector() as collector:
        assert run("raise SystemExit(3)", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url).returncode == 1
    [job], [attempt], [command] = map(collector.named, ("job", "attempt", "command"))
    assert "exited 3" in command.failure
    assert "exited 3" in attempt.failure
    assert "exited 3" in job.failure
    assert job.attributes["runner.state"] == "FAILURE"


def taken():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_collector_that_is_not_there_is_one_warning(run):
    done = run(OTEL_EXPORTER_OTLP_ENDPOINT=taken())
    assert done.returncode == 0
    assert [record["event"] for record in records(done) if record["level"] != "info"] == ["tracing.failed"]


async def test_each_job_of_a_worker_is_a_trace_and_a_chain_is_one(tmp_path, monkeypatch):
    one, two = spec(tmp_path, "one", "data", CODE), spec(tmp_path, "two", "one", "pass")
    folder = tmp_path / "store"
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with Worker(folder, one, two) as worker:
            begun = await put_lines(folder)
            await until(folder, ended(2))
            assert worker.end(15) == 0
    assert [(span.trace, span.parent, span.attributes["runner.pipeline"]) for span in collector.named("job")] == [
        (begun, "", "one"),
        (begun, "", "two"),
    ]


def test_a_request_to_a_server_is_a_trace_of_its_own(tmp_path, monkeypatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with Server(tmp_path / "store") as server:
            s3 = server.client()
            s3.create_bucket(Bucket="data")
            s3.close()
            assert server.stop() == 0
    [span] = collector.named("CreateBucket")
    assert (span.parent, span.attributes["aws.s3.bucket"]) == ("", "data")
