"""SIGKILL at any instant of a job leaves the old state or the complete new one, and the next command settles it."""

import json
import signal
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.command import Runner
from tests.system.processes import MARK, alive, wait_until

pytestmark = pytest.mark.timeout(3600)

OBJECTS = 200
BEFORE_EXIT = 80
AFTER_EXIT = 20
WRITER = f"""
import boto3
print("writing", flush=True)
s3 = boto3.client("s3")
for number in range({OBJECTS}):
    s3.put_object(Bucket="out", Key=f"{{number:03}}", Body=str(number).encode() * 1000)
print("written", flush=True)
"""

# What standard error said last, and what the runner was then at. Its order is that of a job's life.
PHASES = {
    "": "starting",
    '"message":"writing"': "writing objects",
    '"message":"written"': "user code ends",
    '"event":"transform.finished"': "finalizing",
}
EXITED = '"event":"transform.finished"'


class Life:
    """One run that may be killed at any instant; what it says on standard error is followed meanwhile."""

    def __init__(self, runner: Runner, words: tuple[str | Path, ...], variables: dict[str, str]) -> None:
        self.mark = uuid.uuid4().hex
        self.started = time.monotonic()
        self.process = runner.start(*words, **variables, **{MARK: self.mark})
        self.phase = PHASES[""]
        self.exited = threading.Event()
        self.exited_after = 0.0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            for mark, phase in PHASES.items():
                if mark and mark in line:
                    self.phase = phase
            if EXITED in line:
                self.exited_after = time.monotonic() - self.started
                self.exited.set()

    def kill_at(self, instant: float) -> None:
        time.sleep(max(instant - time.monotonic(), 0))
        self.process.kill()

    def end(self) -> str:
        """Reap the runner and name the phase in which it died; "ended" when it was too late to kill it."""
        status = self.process.wait(60)
        self._reader.join(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        wait_until(lambda: not alive(self.mark), seconds=5)
        assert status in (0, -signal.SIGKILL)
        return "ended" if status == 0 else self.phase


def test_a_kill_at_any_instant_leaves_all_or_nothing(runner, installed, labresults, figures) -> None:
    spec = runner.spec("writer", ["python3", "-c", WRITER])
    words = ("run", spec, "--input", f"labresults={labresults}", "--log-format", "json")
    variables = dict(installed("boto3"))

    def begin() -> Life:
        return Life(runner, words, variables)

    until_exit, whole = _measure(begin)
    figures(f"crash: undisturbed {whole:.2f} s, of which {whole - until_exit:.3f} s after the user code's exit")
    head = _head(runner)
    histogram: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()

    def record(phase: str) -> None:
        nonlocal head
        before, head = head, _head(runner)
        state = _check(runner, before, head)
        histogram[phase] += 1
        outcomes[f"{phase}: {state}"] += 1

    for instant in range(BEFORE_EXIT):
        life = begin()
        life.kill_at(life.started + until_exit * instant / BEFORE_EXIT)
        record(life.end())
    finalize = whole - until_exit
    for instant in range(10 * AFTER_EXIT):  # those that come too late do not count
        if histogram["finalizing"] >= AFTER_EXIT and instant >= AFTER_EXIT:
            break
        life = begin()
        assert life.exited.wait(60)
        life.kill_at(time.monotonic() + finalize * (instant % AFTER_EXIT) / AFTER_EXIT)
        record(life.end())

    for phase in (*PHASES.values(), "ended"):
        figures(f"crash: {phase:16} {histogram[phase]:4} {'#' * histogram[phase]}")
    for outcome, count in sorted(outcomes.items()):
        figures(f"crash: {outcome:40} {count:4}")
    assert histogram.total() - histogram["ended"] >= BEFORE_EXIT + AFTER_EXIT
    assert histogram["finalizing"] >= AFTER_EXIT


def _measure(begin: Callable[[], Life]) -> tuple[float, float]:
    """Return the medians of the user code's exit and of the runner's end, in seconds from the start."""
    exits, ends = [], []
    for _ in range(5):
        life = begin()
        assert life.end() == "ended"
        assert life.exited.is_set()
        exits.append(life.exited_after)
        ends.append(time.monotonic() - life.started)
    return statistics.median(exits), statistics.median(ends)


def _head(runner: Runner) -> str:
    branch: dict[str, Any] = runner.ask("branch", "inspect", "writer@master")
    return str(branch["head"]["id"])


def _check(runner: Runner, before: str, after: str) -> str:
    """Check the store after a kill and say how the newest job was settled."""
    newest = runner.ask("job", "list")[0]
    runner("store", "check")
    assert newest["state"] in ("JOB_SUCCESS", "JOB_KILLED"), json.dumps(newest)
    assert (newest["state"] == "JOB_SUCCESS") == (newest["job"]["id"] == after)
    commit = runner.ask("commit", "inspect", f"writer@{after}")
    assert (commit["state"], commit["objects"]) == ("FINISHED", OBJECTS)
    return "new commit" if after != before else "old commit"
