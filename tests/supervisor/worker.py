"""`runner worker` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self


def spec(folder: Path, name: str, reads: str, program: str) -> Path:
    """Write the spec of a pipeline that runs a Python program."""
    file = folder / f"{name}.json"
    document = {
        "pipeline": {"name": name},
        "input": {"pfs": {"repo": reads, "glob": "/", "s3": True}},
        "transform": {"cmd": [sys.executable, "-c", program]},
        "s3_out": True,
        "datum_tries": 1,
    }
    file.write_text(json.dumps(document))
    return file


class Worker:
    """A worker on a store, until the block ends."""

    def __init__(self, store: Path, *specs: Path) -> None:
        command = [sys.executable, "-m", "runner", "worker", "--store", str(store), *map(str, specs)]
        self._log = store.with_name(f"{specs[0].stem}.{time.time_ns()}.log")
        with self._log.open("wb") as log:
            settings = {"RUNNER_JOB_GRACE_SECONDS": "3", "RUNNER_ADMIN_LISTEN": "127.0.0.1:0"}
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **settings})

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
            return self.process.wait(30)

    @property
    def log(self) -> str:
        return self._log.read_text()
