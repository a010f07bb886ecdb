"""How long `runner run` of `true` takes to start, measured against what its frameworks alone take to import.

The rounds are interleaved and each number is a median, so that the ratios hold on a busy machine too; CPU time is
given beside wall time, since it is what other programs disturb least.

    python scripts/bench/start.py [ROUNDS]

Promised: the imports of a run take at most 0.25 s more than the frameworks' own, and the whole run at most three
times as long as those.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FRAMEWORKS = ("trio", "structlog", "quart_trio", "hypercorn.trio")
ROUNDS = 15
MOST_SECONDS, MOST_RATIO = 0.25, 3.0
SPEC = {
    "pipeline": {"name": "nothing"},
    "input": {"pfs": {"repo": "data", "glob": "/", "s3": True}},
    "s3_out": True,
    "transform": {"cmd": ["true"]},
}
IMPORTS = """
import contextlib, gc, importlib, json, sys, time
given = json.load(sys.stdin)
if given["as_the_runner"]:
    gc.disable()
began, cpu = time.perf_counter(), time.process_time()
for name in given["names"]:
    with contextlib.suppress(ImportError):  # a few are known by another name in the end
        importlib.import_module(name)
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]))
"""
_IMPORTED = re.compile(r"import time:\s+\d+ \|\s+\d+ \| +(\S+)")


class Took(NamedTuple):
    """Seconds of a clock and of processors."""

    wall: float
    cpu: float


def main() -> None:
    """Measure, print, and end with 1 when a promise is broken."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = prepare(folder)
        modules = imported_by(command, folder)
        frameworks, more, runs = [], [], []
        for _ in range(rounds):
            base, all_ = imports(FRAMEWORKS), imports(modules, as_the_runner=True)
            frameworks.append(base)
            more.append(Took(all_.wall - base.wall, all_.cpu - base.cpu))
            runs.append(run(command, folder))
    print(f"{rounds} rounds, medians, seconds       wall    CPU")
    base, rest, whole = (middle(each) for each in (frameworks, more, runs))
    print(f"import of the frameworks           {base.wall:6.3f} {base.cpu:6.3f}")
    print(f"imports of a run beyond them       {rest.wall:6.3f} {rest.cpu:6.3f}   at most {MOST_SECONDS}")
    print(f"a run of `true`                    {whole.wall:6.3f} {whole.cpu:6.3f}")
    print(f"    over the frameworks' import    {whole.wall / base.wall:5.2f}x {whole.cpu / base.cpu:5.2f}x"
          f"   at most {MOST_RATIO}x")  # fmt: skip
    sys.exit(rest.wall > MOST_SECONDS or whole.wall > MOST_RATIO * base.wall)


def prepare(folder: Path) -> list[str]:
    """Make a store with one input, and return the command of a run."""
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("x")
    (folder / "spec.json").write_text(json.dumps(SPEC))
    command = ["-m", "runner", "run", str(folder / "spec.json"), "--log-format", "json"]
    run([*command, "--input", f"data={folder / 'data'}"], folder)
    return command


def imported_by(command: list[str], folder: Path) -> list[str]:
    """Return the modules that a run imports, each after what it needs."""
    told = python("-X", "importtime", *command, folder=folder).stderr
    return [name for name in _IMPORTED.findall(told) if name not in ("site", "runner.__main__")]


def imports(names: Sequence[str], *, as_the_runner: bool = False) -> Took:
    """Return what it takes to import *names* in a fresh interpreter, without looking for garbage as the runner does."""
    done = python("-c", IMPORTS, text=json.dumps({"names": names, "as_the_runner": as_the_runner}))
    return Took(*json.loads(done.stdout))


def run(command: list[str], folder: Path) -> Took:
    """Return what a whole run takes, the end of the interpreter included."""
    began, cpu = time.perf_counter(), children_seconds()
    python(*command, folder=folder)
    return Took(time.perf_counter() - began, children_seconds() - cpu)


def python(*words: str, folder: Path | None = None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run this interpreter, with a store in *folder*."""
    environment = os.environ | ({"RUNNER_STORE": str(folder / "store")} if folder else {})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
    command = [sys.executable, *words]
    return subprocess.run(command, env=environment, input=text, cwd=folder, capture_output=True, text=True, check=True)


def children_seconds() -> float:
    """Return the CPU time of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def middle(all_: list[Took]) -> Took:
    """Return the medians."""
    return Took(statistics.median(each.wall for each in all_), statistics.median(each.cpu for each in all_))


if __name__ == "__main__":
    main()
