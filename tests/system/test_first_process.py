"""The runner as process 1, as in a container without an init: nobody stays defunct, nobody outlives it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from tests.system.command import Runner
from tests.system.processes import MARK, alive, wait_until

ROGUE = Path(__file__).with_name("programs") / "rogue.py"
GRACE_SECONDS = 2
SLACK_SECONDS = 15  # of a busy machine
SETTINGS = {"RUNNER_JOB_GRACE_SECONDS": str(GRACE_SECONDS), "RUNNER_ADMIN_LISTEN": "127.0.0.1:0"}


class Container:
    """`runner` as process 1 of a PID namespace, which is all of a container that matters here.

    Attributes:
        first: Process id of process 1, as seen from outside.
        mark: In the environment of everything that runs there.
    """

    def __init__(self, runner: Runner, *words: str | Path, **variables: str) -> None:
        assert shutil.which("unshare"), "this test needs unshare of util-linux"
        as_user = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
        enter = ["unshare", *as_user, "--pid", "--fork", "--kill-child", "--mount-proc"]
        self.mark = uuid.uuid4().hex
        self._log = (runner.folder / f"{self.mark}.log").open("w+b")
        self.process = subprocess.Popen(
            [*enter, sys.executable, "-m", "runner", *map(str, words)],
            cwd=runner.folder,
            env={**runner.environment, **SETTINGS, MARK: self.mark, **variables},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        wait_until(lambda: len(_children()[self.process.pid]) == 1)
        (self.first,) = _children()[self.process.pid]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        with self.process, self._log:
            self.process.wait()

    def inhabitants(self) -> Mapping[int, str]:
        """Return the state of each process below process 1, in namespaces of its own too."""
        below = _children()
        pending, found = [self.first], {}
        while pending:
            for pid in below.get(pending.pop(), ()):
                pending.append(pid)
                found[pid] = below.states[pid]
        return found

    def end(self, number: int) -> tuple[int, float]:
        """Send a signal to process 1, as `docker stop` does; return status and seconds until the end."""
        begun = time.monotonic()
        os.kill(self.first, number)
        return self.process.wait(30), time.monotonic() - begun

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text()


class _Children(dict[int, list[int]]):
    """Process ids by that of the parent, and the state of each."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[int, str] = {}

    def __missing__(self, pid: int) -> list[int]:
        return []


def _children() -> _Children:
    children = _Children()
    for folder in Path("/proc").glob("[1-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended
        children.setdefault(int(parent), []).append(int(folder.name))
        children.states[int(folder.name)] = state
    return children


@pytest.fixture
def rogue(runner) -> Iterator[Path]:
    """The spec of a pipeline that reads `way`, and runs the rogue as it says."""
    program = "import runpy, sys, urllib.request, os\n"
    program += "way = urllib.request.urlopen(os.environ['S3_ENDPOINT'] + '/way/way').read().decode()\n"
    program += f"sys.argv = ['rogue', way]; runpy.run_path({str(ROGUE)!r})"
    return runner.spec("rogue", [sys.executable, "-c", program], inputs=["way"], datumTries=1)


def _go(runner: Runner, way: str) -> None:
    given = runner.folder / "given"
    given.mkdir(exist_ok=True)
    (given / "way").write_text(way)
    runner("file", "put", "-r", given, "way@master")


@pytest.mark.parametrize("namespaces", ["auto", "off"])
def test_a_worker_keeps_nobody_of_a_job_that_ended(runner, rogue, namespaces) -> None:
    settings = {"RUNNER_JOB_NAMESPACES": namespaces, "RUNNER_JOB_GRACE_SECONDS": "60"}
    with Container(runner, "worker", rogue, **settings) as container:
        ready = json.loads(container.process.stdout.readline())
        assert ready["pid"] != 1
        _go(runner, "leave")
        wait_until(lambda: '"job.succeeded"' in container.log)
        wait_until(lambda: len(container.inhabitants()) == 1)
        status, seconds = container.end(signal.SIGTERM)
    assert status == 0
    assert seconds < 30  # there was nothing to wait for
    assert "leftovers.killed" in container.log


@pytest.mark.parametrize("namespaces", ["auto", "off"])
def test_a_worker_ends_within_the_grace_whatever_its_job_does(runner, rogue, namespaces) -> None:
    with Container(runner, "worker", rogue, RUNNER_JOB_NAMESPACES=namespaces) as container:
        _go(runner, "stay")
        wait_until(lambda: '"ready"' in container.log)
        status, seconds = container.end(signal.SIGTERM)
        assert alive(container.mark) == []
    assert status == 0
    assert GRACE_SECONDS <= seconds < GRACE_SECONDS + SLACK_SECONDS
    assert [job["state"] for job in runner.ask("job", "list")] == ["JOB_CREATED"]  # given back


def test_whoever_outlives_a_killed_launcher_is_reaped_by_process_1(runner, rogue) -> None:
    """Without namespaces of its own a command can kill its launcher; then its orphans are ours."""
    with Container(runner, "worker", rogue, RUNNER_JOB_NAMESPACES="off") as container:
        _go(runner, "orphan")
        wait_until(lambda: '"job.failed"' in container.log)
        wait_until(lambda: len(container.inhabitants()) == 3)  # the runner, and the two that sleep on
        assert "Z" not in container.inhabitants().values()
        os.kill(next(pid for pid in container.inhabitants() if pid in _children()[container.first][1:]), signal.SIGKILL)
        wait_until(lambda: len(container.inhabitants()) == 2)
        assert container.end(signal.SIGTERM)[0] == 0
        assert alive(container.mark) == []


@pytest.mark.parametrize(("ending", "status"), [("exit 0", 0), ("exit 3", 1), ("kill -9 $$", 1)])
def test_the_status_is_that_of_the_runner(runner, ending, status) -> None:
    _go(runner, "x")
    spec = runner.spec("ending", ["sh", "-c", ending], inputs=["way"], datumTries=1)
    with Container(runner, "run", spec) as container:
        assert container.process.wait(30) == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_process_1_stops_the_job(runner, rogue, number) -> None:
    _go(runner, "stay")
    with Container(runner, "run", rogue) as container:
        wait_until(lambda: '"ready"' in container.log)
        status, seconds = container.end(number)
        assert alive(container.mark) == []
    assert status == 128 + number
    assert seconds < GRACE_SECONDS + SLACK_SECONDS


def test_a_signal_that_comes_while_it_starts_is_not_lost(runner, rogue) -> None:
    with Container(runner, "worker", rogue) as container:
        wait_until(lambda: len(container.inhabitants()) == 1)  # before, it is the interpreter that starts
        status, seconds = container.end(signal.SIGTERM)
    assert status in (0, 128 + signal.SIGTERM)
    assert seconds < SLACK_SECONDS


def test_a_server_ends_well(runner) -> None:
    with Container(runner, "serve", "--listen", "127.0.0.1:0") as container:
        assert json.loads(container.process.stdout.readline())["endpoint"]
        assert container.end(signal.SIGTERM)[0] == 0
