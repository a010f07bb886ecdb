"""Both sides of a job as processes of their own: `runner sidecar`, and `run` beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import trio

from runner.model.address import parse
from runner.model.errors import NotFound
from runner.model.job import Job
from runner.store import Store, files, open_store
from runner.store.check import check_store
from runner.store.history import commits
from runner.store.jobs import jobs
from tests import databases

SECONDS = 90
WRITE = """
import os, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
data = urllib.request.urlopen(endpoint + "/lab/a.csv").read()
urllib.request.urlopen(urllib.request.Request(endpoint + "/out/copy.csv", data=data, method="PUT")).close()
"""


def wait_until(is_so: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


class Sides:
    """A store, a spec, a folder with inputs, and the folder that both sides share, all below *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.share = folder / "share"
        self._started: list[subprocess.Popen[str]] = []
        (folder / "lab").mkdir()
        (folder / "lab" / "a.csv").write_text("1,2\n")
        self.spec()

    def spec(self, **fields: Any) -> None:
        document = {
            "pipeline": {"name": "copy"},
            "input": {"pfs": {"repo": "lab", "glob": "/", "s3": True}},
            "transform": {"cmd": ["anything"], "env": {"GREETING": "it's me"}},
            "s3_out": True,
            **fields,
        }
        (self.folder / "spec.json").write_text(json.dumps(document))

    def sidecar(
        self, *options: str, inputs: tuple[str, ...] = ("--input", "lab=lab"), umask: int = 0o022, **settings: str
    ) -> Sidecar:
        words = ("sidecar", "spec.json", "--share", str(self.share), *inputs, "--listen", "127.0.0.1:0", *options)
        variables = {
            "RUNNER_STORE": databases.name_of(self.store),
            "RUNNER_ADMIN_LISTEN": "127.0.0.1:0",
            "RUNNER_JOB_GRACE_SECONDS": "2",
            "RUNNER_SIDECAR_LOST_SECONDS": "8",
            **{f"RUNNER_{name.upper()}": value for name, value in settings.items()},
        }
        process = self._start([sys.executable, "-m", "runner", *words], variables, umask=umask)
        return Sidecar(process)

    def run(self, *command: str) -> subprocess.Popen[str]:
        """Start the user's side, once a sidecar has put it there."""
        wait_until(self._has_script)
        return self._start([str(self.share / "run"), *command], {})

    def command(self, program: str) -> subprocess.Popen[str]:
        """Start the user's side with a Python program."""
        return self.run(sys.executable, "-c", program)

    def ask(self, *words: str, status: int = 0) -> Any:
        """Run a command of the runner and return its document."""
        done = subprocess.run(
            [sys.executable, "-m", "runner", "--store", databases.name_of(self.store), *words, "-o", "json"],
            stdout=subprocess.PIPE,
            check=False,
        )
        assert done.returncode == status
        return json.loads(done.stdout)

    def jobs(self) -> list[Job]:
        """Return the jobs of the store, the newest first."""
        return list(self._look(lambda store: jobs.list_jobs(store, "default")))

    def keys(self, address: str = "copy@master") -> list[bytes] | None:
        """Return the keys of a commit; None: there is none."""

        async def look(store: Store) -> list[bytes] | None:
            try:
                commit = await commits.resolve(store, parse(address))
            except NotFound:
                return None
            return [item.key for item in (await files.bucket_of(store, commit).list(b"", b"", b"")).items]

        return self._look(look)

    def record(self, job: Job) -> Any:
        """Return the provenance record of a job."""
        return self._look(lambda store: jobs.record(store, job.key))

    def problems(self) -> Any:
        """Check the store."""
        return self._look(check_store).problems

    def _look(self, question: Callable[[Store], Awaitable[Any]]) -> Any:
        async def look() -> Any:
            async with open_store(self.store) as store:
                return await question(store)

        return trio.run(look)

    @property
    def result(self) -> tuple[int, str]:
        status, sentence, _ = (self.share / "result").read_text().split("\n")
        return int(status), sentence

    def _has_script(self) -> bool:
        """Tell whether a sidecar has put the script there; raises what they said when all have ended without."""
        is_over = all(process.poll() is not None for process in self._started)
        if (self.share / "run").exists():
            return True
        assert not is_over, [(process.returncode, process.stderr.read()) for process in self._started]
        return False

    def _start(self, words: list[str], variables: dict[str, str], *, umask: int = 0o022) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=umask,
        )
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


class Sidecar:
    """A sidecar under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ready(self) -> dict[str, Any]:
        """Wait for its ready line."""
        return json.loads(self.process.stdout.readline())

    def end(self, number: int | None = None) -> int:
        """Send it a signal, if one is given, and return its status."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(SECONDS)
