"""Unchanged programs of real clients run as jobs, whatever the caller's own environment says about S3."""

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.command import Runner
from tests.system.installed import CLIENTS

pytestmark = pytest.mark.timeout(600)

PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
FOREIGN = "foreign-and-secret"  # is in every value that must stay with the caller


@dataclass(frozen=True)
class Trap:
    """Where nothing may call: a socket that listens and never answers."""

    listener: socket.socket

    @property
    def url(self) -> str:
        host, port = self.listener.getsockname()
        return f"http://{host}:{port}"

    def is_untouched(self) -> bool:
        """Whether nobody has connected."""
        self.listener.setblocking(False)
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return True
        connection.close()
        return False


@dataclass(frozen=True)
class Caller:
    """Who starts the runner: its variables, and the trap that they and its home lead to."""

    variables: Mapping[str, str]
    trap: Trap


@pytest.fixture(name="caller", params=["bare", "foreign"])
def _caller(request, runner) -> Iterator[Caller]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        trap = Trap(listener)
        if request.param == "foreign":
            _settle(runner.home, trap)
        yield Caller(_foreign(trap) if request.param == "foreign" else {}, trap)


def _settle(home: Path, trap: Trap) -> None:
    """Make *home* that of somebody with another S3 world."""
    here = f"region = eu-central-1\nendpoint_url = {trap.url}\n"
    keys = f"aws_access_key_id = {FOREIGN}\naws_secret_access_key = {FOREIGN}\n"
    files = {
        ".aws/config": f"[default]\n{here}[profile {FOREIGN}]\n{here}",
        ".aws/credentials": f"[default]\n{keys}[{FOREIGN}]\n{keys}",
        ".s3cfg": f"[default]\naccess_key = {FOREIGN}\nsecret_key = {FOREIGN}\nhost_base = {trap.url[7:]}\n",
        ".config/rclone/rclone.conf": f"[s3]\ntype = s3\nprovider = AWS\nendpoint = {trap.url}\n",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


def _foreign(trap: Trap) -> Mapping[str, str]:
    proxy = trap.url.replace("://", f"://{FOREIGN}:{FOREIGN}@")
    return {
        "AWS_PROFILE": FOREIGN,
        "AWS_ACCESS_KEY_ID": FOREIGN,
        "AWS_SECRET_ACCESS_KEY": FOREIGN,
        "AWS_SESSION_TOKEN": FOREIGN,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_ENDPOINT_URL": trap.url,
        "AWS_REGION": "eu-central-1",
        **dict.fromkeys(PROXIES, proxy),
        "HTTP_PROXY": trap.url,  # DuckDB reads this one, and cannot read it with a user's name
        "no_proxy": "example.org",
    }


def _said(runner: Runner, job: str, err: str) -> str:
    """Everything that is kept or was shown of a job: its record, its log, its documents, standard error."""
    record = json.dumps(runner.ask("provenance", "show", job))
    return record + json.dumps(runner.ask("job", "inspect", job)) + runner("job", "logs", job).stdout + err


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_an_unchanged_program_runs_as_a_job(runner, installed, labresults, caller, client) -> None:
    variables = {**caller.variables, **installed(client.name)}
    spec = runner.spec(client.name, client.argv)

    done = runner("run", spec, "--input", f"labresults={labresults}", "--tries", "1", **variables)
    job = done.stdout.strip()

    assert job.startswith(f"{client.name}@")
    assert runner.keys(job)
    record = runner.ask("provenance", "show", job)
    read = {(seen["input"], seen["key"]) for seen in record["observed"] if seen["op"] == "get"}
    assert ("labresults", "plates/plate-07.csv") in read
    assert caller.trap.is_untouched()
    assert FOREIGN not in _said(runner, job, done.stderr)


@pytest.mark.parametrize("caller", ["foreign"], indirect=True)
def test_a_child_sees_nothing_of_its_callers_s3_world(runner, installed, labresults, caller) -> None:
    """Only the proxy is handed on, since a job may have to reach a real network; it never stands before the gateway."""
    spec = runner.spec("environment", ["sh"], stdin=["env | aws s3 cp - s3://out/environment"])
    variables = {**caller.variables, **installed("awscli")}

    done = runner("run", spec, "--input", f"labresults={labresults}", **variables)
    job = done.stdout.strip()
    lines = runner("file", "cat", f"{job}:/environment").stdout.splitlines()
    child = dict(line.split("=", 1) for line in lines if "=" in line)

    foreign = {name for name, value in child.items() if FOREIGN in value or caller.trap.url in value}
    assert foreign <= set(PROXIES)
    assert "AWS_PROFILE" not in child
    assert "AWS_SESSION_TOKEN" not in child
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" not in child
    assert {"example.org", "127.0.0.1"} <= set(child["no_proxy"].split(","))
    assert FOREIGN not in _said(runner, job, done.stderr)
    assert caller.trap.is_untouched()
