"""`runner worker` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import trio

from runner.model.job import Job
from runner.store import open_store
from runner.store.jobs import jobs
from tests import databases

DEAF = (
    "from runner.store.hints.folder import FolderHints; FolderHints.tell = lambda *_, **__: None;"
    "from runner.store.hints.notify import NotifyHints; NotifyHints.tell = lambda *_, **__: None;"
    "from runner.__main__ import main; main()"
)
"""A runner whose hints all get lost."""


def spec(folder: Path, name: str, reads: str, program: str) -> Path:
    """Write the spec of a pipeline that runs a Python program; several inputs are separated by blanks."""
    file = folder / f"{name}.json"
    inputs = [{"pfs": {"repo": repo, "glob": "/", "s3": True}} for repo in reads.split()]
    document = {
        "pipeline": {"name": name},
        "input": inputs[0] if len(inputs) == 1 else {"cross": inputs},
        "transform": {"cmd": [sys.executable, "-c", program]},
        "s3_out": True,
        "datum_tries": 1,
    }
    file.write_text(json.dumps(document))
    return file


def runner(store: Path, *arguments: object, deaf: bool = False) -> list[str]:
    """Return the command line of a runner on a store."""
    start = ["-c", DEAF] if deaf else ["-m", "runner"]
    return [sys.executable, *start, "--store", databases.name_of(store), *map(str, arguments)]


def environment(**settings: object) -> dict[str, str]:
    """Return the variables of a worker that ends fast and meets no other."""
    values = {"job_grace_seconds": 3, "admin_listen": "127.0.0.1:0", **settings}
    return {**os.environ, **{f"RUNNER_{name.upper()}": str(value) for name, value in values.items()}}


class Worker:
    """A worker on a store, until the block ends.

    Attributes:
        ready: Its ready line.
    """

    def __init__(self, store: Path, *arguments: object, deaf: bool = False, **settings: object) -> None:
        self._log = store.with_name(f"worker.{time.time_ns()}.log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                runner(store, "worker", *arguments, deaf=deaf),
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(**settings),
            )

    def __enter__(self) -> Self:
        self.ready = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        with self.process:
            return self.process.wait(60)

    async def says(self, event: str, seconds: float = 30) -> None:
        """Return once the log has an event."""
        with trio.fail_after(seconds):
            while event not in self.log:  # noqa: ASYNC110  # a file tells nobody that it grew
                await trio.sleep(0.05)

    @property
    def log(self) -> str:
        return self._log.read_text()


async def until(folder: Path, is_so, seconds: float = 100) -> list[Job]:
    """Return the jobs, oldest first, as soon as they are so."""
    async with open_store(folder) as store, store.hints.listen() as news:
        with trio.fail_after(seconds):
            while not is_so(found := list(reversed(await jobs.list_jobs(store, "default")))):
                with trio.move_on_after(0.5):
                    await news.wait()
    return found


def ended(count: int):
    """Tell whether there are so many jobs and all have ended."""
    return lambda found: len(found) == count and all(job.state.is_terminal for job in found)
