"""A job with two sides that share a folder and a network, and nothing else: no processes, no Python on PATH."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.job.contract_script import ScriptContract
from tests.system.command import Runner
from tests.system.installed import ToolMissing
from tests.system.processes import wait_until

pytestmark = pytest.mark.timeout(600)

SECONDS = 240
HERE, THERE = "10.91.0.1", "10.91.0.2"
ENDPOINT = f"http://{HERE}:1600"
SIDE = """
mount --bind "$1" "$2" && script=$2/run tools=$3 shell=$4 && shift 4 && cd /
exec env -i PATH="$tools" HOME=/nowhere "$shell" "$script" "$@"
"""
WRITE = """
import boto3
s3 = boto3.client("s3")
assert s3.meta.endpoint_url == "http://10.91.0.1:1600", s3.meta.endpoint_url
for name in ("a", "b"):
    s3.put_object(Bucket="out", Key=name, Body=s3.get_object(Bucket="labresults", Key="value")["Body"].read())
print("written", flush=True)
"""
HANG = "import time; time.sleep(1000)"


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolMissing(f"{name} is not on PATH; this lane cannot install it")
    return path


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[str, str]]:
    """Two network namespaces, joined by a cable."""
    if os.geteuid() != 0:
        raise ToolMissing("network namespaces need root")
    ip = _tool("ip")
    here, there = names = [f"rnr-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    done = []

    def do(*words: str) -> None:
        done.append(subprocess.run([ip, *words], capture_output=True, text=True, check=False))
        assert done[-1].returncode == 0, f"ip {' '.join(words)}: {done[-1].stderr}"

    try:
        for name in names:
            do("netns", "add", name)
        do("link", "add", "side", "netns", here, "type", "veth", "peer", "name", "side", "netns", there)
        for name, address in ((here, HERE), (there, THERE)):
            do("-n", name, "address", "add", f"{address}/24", "dev", "side")
            do("-n", name, "link", "set", "side", "up")
            do("-n", name, "link", "set", "lo", "up")
        yield here, there
    finally:
        for name in names:
            subprocess.run([ip, "netns", "delete", name], check=False)


class Sides:
    """The two sides."""

    def __init__(self, runner: Runner, network: tuple[str, str], python: str, folder: Path) -> None:
        self.runner = runner
        self.share = folder / "share"
        self.share.mkdir()
        self._here, self._there = network
        self._python = python
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []
        (folder / "elsewhere").mkdir()
        (folder / "tools").mkdir()
        for applet in ("sh", "sleep", "mv"):
            (folder / "tools" / applet).symlink_to(_tool("busybox"))
        (folder / "given").mkdir()
        (folder / "given" / "value").write_text("12.5\n")
        self.spec = runner.spec("beside", ["unused"])

    def sidecar(self, *words: str, endpoint: str = ENDPOINT, **variables: str) -> subprocess.Popen[str]:
        options = ("--share", self.share, "--input", f"labresults={self._folder / 'given'}", *words)
        command = [sys.executable, "-m", "runner", "sidecar", self.spec, *options, "--listen", f"{HERE}:1600"]
        settings = {"RUNNER_JOB_GRACE_SECONDS": "3", "RUNNER_SIDECAR_LOST_SECONDS": "6", **variables}
        return self._start(
            self._here, [*command, "--advertise", endpoint, "--admin-listen", ""], self.runner.environment | settings
        )

    def user(self, program: str) -> subprocess.Popen[str]:
        """Start the other side: processes and mounts of its own, a PATH of three programs, the folder elsewhere."""
        wait_until((self.share / "run").exists, SECONDS)
        side = ["sh", "-c", SIDE, "-", self.share, self._folder / "elsewhere", self._folder / "tools", _tool("dash")]
        unshare = [_tool("unshare"), "--mount", "--pid", "--fork", "--kill-child"]
        return self._start(self._there, [*unshare, *side, self._python, "-c", program], dict(os.environ))

    def _start(self, namespace: str, words: list, environment: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [_tool("ip"), "netns", "exec", namespace, *map(str, words)],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def sides(runner, network, installed, tmp_path) -> Iterator[Sides]:
    python = shutil.which("python3", path=installed("boto3")["PATH"])
    assert python
    sides = Sides(runner, network, python, tmp_path)
    yield sides
    sides.close()


def _head(runner: Runner) -> str | None:
    found = runner.ask("branch", "list", "beside")
    return next((branch["head"]["id"] for branch in found if "head" in branch), None)


def test_success_is_0_on_both_sides_and_one_commit(sides, runner) -> None:
    sidecar = sides.sidecar()
    user = sides.user(WRITE)
    ready = json.loads(sidecar.stdout.readline())
    assert ready["endpoint"] == ENDPOINT
    assert (user.wait(SECONDS), sidecar.wait(SECONDS)) == (0, 0), user.stderr.read()
    assert f"beside@{_head(runner)}" == ready["job"]
    assert runner.keys("beside@master") == ["a", "b"]
    assert runner("file", "cat", "beside@master:/a").stdout == "12.5\n"
    assert "server.exposed" in sidecar.stderr.read()
    runner("store", "check")


def test_over_tls_the_users_side_finds_its_certificate_in_the_spec(sides, runner, tmp_path) -> None:
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    make = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=runner -addext subjectAltName=IP:{HERE}".split()
    subprocess.run([_tool("openssl"), *make, "-out", cert, "-keyout", key], check=True, capture_output=True)
    sides.spec = runner.spec("beside", ["unused"], transform={"cmd": ["unused"], "env": {"AWS_CA_BUNDLE": cert}})
    secure = ENDPOINT.replace("http", "https")
    sidecar = sides.sidecar("--auth", "--tls-cert", cert, "--tls-key", key, endpoint=secure)
    user = sides.user(WRITE.replace(ENDPOINT, secure))
    assert (user.wait(SECONDS), sidecar.wait(SECONDS)) == (0, 0), user.stderr.read()
    assert runner.keys("beside@master") == ["a", "b"]
    assert "server.exposed" not in sidecar.stderr.read()


def test_failure_is_1_on_both_sides_and_no_commit(sides, runner) -> None:
    sidecar = sides.sidecar()
    user = sides.user(f"{WRITE}\nraise SystemExit(9)")
    assert (user.wait(SECONDS), sidecar.wait(SECONDS)) == (1, 1)
    assert "exited 9" in user.stderr.read()
    assert _head(runner) is None
    (job,) = runner.ask("job", "list")
    assert job["state"] == "JOB_FAILURE"


def test_a_users_side_that_is_killed_with_all_around_it_fails_the_job(sides, runner) -> None:
    sidecar = sides.sidecar()
    user = sides.user(f"{WRITE}\n{HANG}")
    assert user.stdout.readline() == "written\n"
    user.send_signal(signal.SIGKILL)
    assert sidecar.wait(SECONDS) == 1
    (job,) = runner.ask("job", "list")
    assert (job["state"], _head(runner)) == ("JOB_FAILURE", None)
    assert "gave no sign of life for 6 s" in job["reason"]
    runner("store", "check")


def test_a_sidecar_that_is_killed_ends_the_command_and_leaves_no_commit(sides, runner) -> None:
    sidecar = sides.sidecar()
    user = sides.user(f"{WRITE}\n{HANG}")
    assert user.stdout.readline() == "written\n"
    sidecar.kill()
    assert user.wait(SECONDS) == 75
    assert "the sidecar has gone: runner job inspect beside@" in user.stderr.read()
    (job,) = runner.ask("job", "list")
    assert (job["state"], _head(runner)) == ("JOB_KILLED", None)
    runner("store", "check")


def test_a_sidecar_that_is_killed_and_comes_back_tells_that_nothing_is_published(sides, runner) -> None:
    settings = {"RUNNER_SIDECAR_LOST_SECONDS": "120"}
    sidecar = sides.sidecar(**settings)
    user = sides.user(f"{WRITE}\n{HANG}")
    assert user.stdout.readline() == "written\n"
    sidecar.kill()
    sidecar.wait()
    again = sides.sidecar(**settings)
    assert (again.wait(SECONDS), user.wait(SECONDS)) == (137, 137)
    assert _head(runner) is None
    assert len(runner.ask("job", "list")) == 1


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 48 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run([_tool("mount"), "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run([_tool("umount"), "--lazy", disk], check=True)


def test_when_finalize_finds_the_disk_full_the_users_side_is_75_although_its_command_exited_0(
    sides, runner, small_disk
) -> None:
    runner.environment["RUNNER_STORE"] = str(small_disk / "store")
    sidecar = sides.sidecar()
    # What was asked for and was not there is written at the end, and takes more room than any file has spare.
    misses = """
import http.client
gateway = http.client.HTTPConnection("10.91.0.1", 1600)
for number in range(4_000):
    gateway.request("HEAD", f"/labresults/{number:01000}")
    gateway.getresponse().read()
print("asked", flush=True)
import os, time
while not os.path.exists(os.path.dirname(os.path.dirname(os.environ["AWS_CONFIG_FILE"])) + "/go"):
    time.sleep(0.1)
"""
    user = sides.user(WRITE + misses)
    assert [user.stdout.readline() for _ in range(2)] == ["written\n", "asked\n"]
    _fill(small_disk / "fill")
    (sides.share / "go").touch()
    assert (user.wait(SECONDS), sidecar.wait(SECONDS)) == (75, 75), sidecar.stderr.read()
    assert (sides.share / "exit").read_text() == "0\n"
    said = user.stderr.read()
    assert "run: beside@" in said
    assert "full" in said or "space" in said
    (small_disk / "fill").unlink()
    (job,) = runner.ask("job", "list")
    assert job["state"] in ("JOB_SUCCESS", "JOB_KILLED")  # sealed before the disk was full, or not
    assert (_head(runner) is not None) is (job["state"] == "JOB_SUCCESS")
    if job["state"] == "JOB_SUCCESS":
        assert runner.keys("beside@master") == ["a", "b"]
    runner("store", "check")


def _fill(file: Path) -> None:
    """Leave no byte free on the disk of *file*."""
    with file.open("wb", buffering=0) as filling:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    filling.write(bytes(size))
            except OSError:
                continue


class TestTheScriptUnderEveryShell(ScriptContract):
    @pytest.fixture(params=["dash", "bash --posix", "busybox sh"])
    def shell(self, request) -> list[str]:
        program, *words = request.param.split()
        return [_tool(program), *words]
