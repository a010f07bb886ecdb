"""What is rendered works: the containers of a pod, started as Kubernetes would, by their commands and variables."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import yaml

from runner.cli.app import root
from runner.cli.options import Options
from runner.cluster.policy import FATAL
from runner.cluster.request import Request, Topology
from runner.host.settings import resolve
from runner.store import files, open_store
from tests.cluster.machine import Machine
from tests.cluster.pipelines import REQUESTS, container, pod_of, rendered

EXAMPLE = Path(__file__).parents[2] / "conf" / "kubernetes" / "serve.yaml"
PUT = """
import os, sys, urllib.request
body = sys.stdin.buffer.read()
request = urllib.request.Request(os.environ["S3_ENDPOINT"] + "/out/said", data=body, method="PUT")
urllib.request.urlopen(request).close()
sys.exit(int(sys.argv[1]))
"""
SIGNED_PUT = """
import boto3, sys
boto3.client("s3").put_object(Bucket="out", Key="said", Body=sys.stdin.buffer.read())
"""
STDIN = ["echo $HOME $(date)", "", "é on"]


def _spec(status: int = 0):
    return {"transform": {"cmd": [sys.executable, "-c", PUT, str(status)], "stdin": STDIN}}


async def _put_images(store: Path) -> None:
    source = store.with_name("images")
    source.mkdir()
    (source / "a.png").write_bytes(b"a")
    async with open_store(store) as opened:
        await files.import_folder(opened, source, "default", "images", "master")


def _said(store: Path) -> bytes:
    cat = [sys.executable, "-m", "runner", "file", "cat", "--store", str(store), "edges@master:/said"]
    return subprocess.run(cat, check=True, stdout=subprocess.PIPE).stdout


def test_a_job_ends_with_0_and_a_commit(tmp_path):
    machine = Machine(tmp_path, rendered(_spec(), REQUESTS[Topology.JOB]))
    trio.run(_put_images, machine.store)
    ended = machine.run("user")
    assert ended.returncode == 0
    assert re.search(r"^edges@[0-9a-f]{32}$", ended.stdout, re.MULTILINE)
    assert _said(machine.store) == "\n".join([*STDIN, ""]).encode()


def test_a_job_finds_its_secrets_as_the_spec_wants_them(tmp_path):
    spec = _spec()
    spec["transform"]["secrets"] = [
        {"name": "db", "key": "password", "envVar": "DB_PASSWORD"},
        {"name": "db", "key": "password", "mountPath": str(tmp_path / "certs")},
    ]
    spec["transform"]["cmd"][2] = (
        f"import os; assert os.environ['DB_PASSWORD'] == open('{tmp_path}/certs/password').read() == 'hunter2'"
    )
    machine = Machine(tmp_path, rendered(spec, REQUESTS[Topology.JOB]))
    trio.run(_put_images, machine.store)
    assert machine.run("user").returncode == 2  # no cluster starts a pod without its secrets; we would not either
    machine.put("user", "/var/run/secrets/runner/db/password", "hunter2")
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "password").write_text("hunter2")
    ended = machine.run("user")
    assert ended.returncode == 0, ended.stderr


def test_a_job_whose_code_fails_ends_with_a_status_that_ends_the_job(tmp_path):
    machine = Machine(tmp_path, rendered({**_spec(75), "datumTries": 1}, REQUESTS[Topology.JOB]))
    trio.run(_put_images, machine.store)
    assert machine.run("user").returncode == 1
    assert 1 in FATAL


def test_a_job_without_its_data_ends_with_a_status_that_ends_the_job(tmp_path):
    machine = Machine(tmp_path, rendered(_spec(), REQUESTS[Topology.JOB]))
    ended = machine.run("user")
    assert ended.returncode == 2
    assert 2 in FATAL
    assert "images" in ended.stderr


def test_a_worker_answers_its_probes_and_ends_well(tmp_path):
    made = rendered(_spec(), REQUESTS[Topology.WORKER])
    machine = Machine(tmp_path, made)
    trio.run(_put_images, machine.store)
    worker = machine.start("user", stdout=subprocess.PIPE)
    with worker:
        try:
            lines = (json.loads(line) for line in worker.stdout)
            ready = next(line for line in lines if "admin" in line)
            described = container(pod_of(made), "user")
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                url = f"{ready['admin']}{described[probe]['httpGet']['path']}"
                with urllib.request.urlopen(url) as answer:
                    assert answer.status == 200
        finally:
            worker.send_signal(signal.SIGTERM)
        worker.stdout.read()
    assert worker.returncode == 0


@pytest.mark.parametrize(
    ("exits", "status", "has_service"),
    [(0, 0, False), (75, 1, False), (0, 0, True)],
    ids=["success", "failure", "success with a token and the address of the pod"],
)
def test_a_command_beside_a_sidecar_ends_as_the_job_does(tmp_path, exits, status, has_service):
    spec = _spec(exits)
    if has_service:  # a token is asked for, which a client that signs has in its variables
        spec["transform"]["cmd"][2] = SIGNED_PUT
    machine = Machine(tmp_path, rendered(spec, replace(REQUESTS[Topology.SIDECAR], has_service=has_service)))
    trio.run(_put_images, machine.store)
    with machine.start("runner", stdout=subprocess.DEVNULL) as sidecar:
        try:
            deadline = time.monotonic() + 60
            while not machine.probe("runner", "startupProbe"):  # a kubelet does it each second
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert machine.run("user").returncode == status
            assert sidecar.poll() is None  # it is held until the pod ends
        finally:
            sidecar.send_signal(signal.SIGTERM)
    assert sidecar.returncode == status
    assert status != 0 or _said(machine.store) == "\n".join([*STDIN, ""]).encode()


def test_a_sidecar_that_cannot_open_its_job_ends_the_pod(tmp_path):
    """Its data is missing: the command's container starts, is told, and its status ends the Job."""
    machine = Machine(tmp_path, rendered(_spec(), REQUESTS[Topology.SIDECAR]))
    with machine.start("runner", stdout=subprocess.DEVNULL) as sidecar:
        try:
            deadline = time.monotonic() + 60
            while not machine.probe("runner", "startupProbe"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert machine.run("user").returncode == 2
            assert 2 in FATAL
        finally:
            sidecar.send_signal(signal.SIGTERM)


def _commands():
    for topology in Topology:
        for has_service in (False, True):
            request = Request(topology=topology, runner_image="a:1", has_service=has_service)
            name = "runner" if topology is Topology.SIDECAR else "user"
            yield container(pod_of(rendered(_spec(), request)), name)
    _, deployment = yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8"))
    yield deployment["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("described", list(_commands()))
def test_commands_and_variables_are_known_to_the_runner(described, tmp_path):
    argv = [*described["command"], *described.get("args", ())]
    assert argv[0] == "/opt/runner/bin/runner"
    with root.make_context("runner", argv[1:], obj=Options()) as context:
        _, command, rest = root.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context(argv[1], rest, parent=context)
    said = {each["name"]: each.get("value", "") for each in described["env"] if each["name"].startswith("RUNNER_")}
    assert resolve({}, None, environ=said, folder=tmp_path).ignored == []
