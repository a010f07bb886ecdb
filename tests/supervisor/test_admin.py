"""The admin port of daemons as processes."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from tests.supervisor.server import Server
from tests.supervisor.test_worker import COPY, WAIT, ended, put_lines, until
from tests.supervisor.worker import Worker, spec


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def ask(url):
    try:
        with urllib.request.urlopen(url) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_server_that_has_begun_is_ready(folder):
    with Server(folder) as server:
        assert ask(f"{server.ready['admin']}/livez") == (200, "ok\n")
        assert ask(f"{server.ready['admin']}/readyz") == (200, "ok\n")
        assert server.stop() == 0


async def test_a_worker_is_ready_until_it_ends_and_says_so_while_its_job_has_its_grace(folder, tmp_path):
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT % 1000
    with Worker(folder, spec(tmp_path, "one", "data", stubborn)) as worker:
        admin = worker.ready["admin"]
        assert ask(f"{admin}/readyz") == (200, "ok\n")
        await put_lines(folder)
        await until(folder, lambda found: found and "waiting" in worker.log)
        worker.process.send_signal(signal.SIGTERM)
        await until(folder, lambda _found: "job.stopping" in worker.log)
        assert ask(f"{admin}/readyz") == (503, "not ready: it is ending, stopped by SIGTERM\n")
        assert ask(f"{admin}/livez") == (200, "ok\n")
        assert worker.wait() == 0


def test_an_empty_setting_means_no_admin_port(folder):
    with Server(folder, admin_listen="") as server:
        assert server.ready["admin"] is None
        assert server.stop() == 0


def test_an_address_that_was_chosen_and_is_taken_is_one_sentence(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        server = Server(folder, "--admin-listen", taken)
        assert server.wait() == 2
    said = (tmp_path / "server.log").read_text()
    assert f"cannot listen on {taken}" in said
    assert "--admin-listen" in said
    assert "Traceback" not in said


def test_of_two_that_nobody_told_where_the_second_takes_another_port_and_says_so(folder, tmp_path):
    usual = {"admin_listen": "127.0.0.1:1680"}
    with Server(folder, **usual) as one, Server(folder, **usual) as two:
        assert one.ready["admin"] != two.ready["admin"]
        assert all(ask(f"{server.ready['admin']}/readyz")[0] == 200 for server in (one, two))
    assert "another process has 127.0.0.1:1680" in (tmp_path / "server.log").read_text()


def scrape(admin):
    """Return the samples by name and labels, as Prometheus reads them."""
    status, text = ask(f"{admin}/metrics")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_server_counts_what_clients_ask(folder):
    with Server(folder) as server:
        s3 = server.client()
        s3.create_bucket(Bucket="data")
        for number in range(3):
            s3.put_object(Bucket="data", Key=f"{number}", Body=b"12345")
        s3.get_object(Bucket="data", Key="0")["Body"].read()
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="data", Key="none")
        s3.close()
        seen = scrape(server.ready["admin"])
    assert seen["runner_s3_requests_total", "200", "PutObject"] == 3
    assert seen["runner_s3_requests_total", "200", "GetObject"] == 1
    assert seen["runner_s3_requests_total", "404", "GetObject"] == 1
    assert seen["runner_s3_received_bytes_total", "PutObject"] == 15
    assert seen["runner_s3_sent_bytes_total", "GetObject"] > 5
    assert seen["runner_s3_request_duration_seconds_count", "PutObject"] == 3
    assert seen["process_cpu_seconds_total",] > 0
    assert not any("data" in sample for sample in seen)


async def test_a_worker_counts_its_jobs_and_what_they_ask(folder, tmp_path):
    one = spec(tmp_path, "one", "data", COPY % ("data", "one"))
    bad = spec(tmp_path, "bad", "data", "raise SystemExit(3)")
    with Worker(folder, one, bad) as worker:
        await put_lines(folder)
        await until(folder, ended(2))
        seen = {}
        with trio.fail_after(10):  # a job is counted a moment after all see its end
            while sum(count for name, count in seen.items() if "runner_job_duration_seconds_count" in name) < 2:
                seen = await trio.to_thread.run_sync(scrape, worker.ready["admin"])
    assert seen["runner_job_duration_seconds_count", "SUCCESS", "default", "one"] == 1
    assert seen["runner_job_duration_seconds_count", "FAILURE", "bad", "default"] == 1
    assert seen["runner_attempt_duration_seconds_count", "bad", "default", "failure"] == 1
    assert seen["runner_commit_duration_seconds_count", "default", "one"] == 1
    assert seen["runner_jobs", "SUCCESS", "default", "one"] == seen["runner_jobs", "FAILURE", "bad", "default"] == 1
    assert seen["runner_queue_jobs", "default", "one"] == seen["runner_queue_oldest_age_seconds", "default", "one"] == 0
    assert seen["runner_s3_requests_total", "200", "PutObject"] == 1
