"""The admin port of daemons as processes."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request

import pytest

from tests.supervisor.server import Server
from tests.supervisor.test_worker import WAIT, put_lines, until
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
