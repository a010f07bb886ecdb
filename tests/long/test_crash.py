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

FINALIZING = "finalizing"
ENDED = "ended"  # too late to be killed

# What standard error said last, and what the runner was then at. Its order is that of a job's life.
PHASES = {
    "": "starting",
    '"message":"writing"': "writing objects",
    '"message":"written"': "user code ends",
    '"event":"transform.finished"': FINALIZING,
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
        self.exited_after = self.ended_after = 0.0
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
        """Reap the runner and name the phase in which it died."""
        with self.process:  # closes its pipes
            status = self.process.wait(60)
            self.ended_after = time.monotonic() - self.started
            self._reader.join(60)
        wait_until(lambda: not alive(self.mark), seconds=5)
        assert status in (0, -signal.SIGKILL)
        return ENDED if status == 0 else self.phase


class Clock:
    """How long a job takes, measured again and again, since a busy machine is now fast and now slow."""

    def __init__(self, begin: Callable[[], Life]) -> None:
        self._begin = begin
        self._exits: list[float] = []
        self._ends: list[float] = []
        for _ in range(3):
            self.measure()

    def measure(self) -> None:
        """Let one job run to its end."""
        life = self._begin()
        assert life.end() == ENDED
        self.take(life)

    def take(self, life: Life) -> None:
        """Learn from a job that ran to its end."""
        self._exits.append(life.exited_after)
        self._ends.append(life.ended_after)

    @property
    def until_exit(self) -> float:
        """Seconds from the start of the runner to the exit of the user code."""
        return statistics.median(self._exits[-3:])

    @property
    def finalize(self) -> float:
        """Seconds from the exit of the user code to the end of the runner."""
        return statistics.median(self._ends[-3:]) - self.until_exit


class Crashes:
    """Kills jobs one after another on one store, and keeps what came of it."""

    def __init__(self, runner: Runner, begin: Callable[[], Life]) -> None:
        self.clock = Clock(begin)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._runner = runner
        self._begin = begin

    def kill_many(self, count: int, *, after_exit: bool) -> None:
        """Kill jobs at *count* instants spread evenly over the time before or after the user code's exit."""
        for instant in range(count):
            if instant % 10 == 0:
                self.clock.measure()
            for _ in range(5):  # an instant that was missed is tried again
                phase = self._kill(instant / count, after_exit=after_exit)
                if phase != ENDED and (phase == FINALIZING) == after_exit:
                    break

    def _kill(self, share: float, *, after_exit: bool) -> str:
        """Kill a job when *share* of that time is over, check what it left, and return its phase."""
        before = _head(self._runner)
        life = self._begin()
        if after_exit:
            assert life.exited.wait(60)
            life.kill_at(life.started + life.exited_after + share * self.clock.finalize)
        else:
            life.kill_at(life.started + share * self.clock.until_exit)
        phase = life.end()
        if phase == ENDED:
            self.clock.take(life)
        self.outcomes[phase, _check(self._runner, before)] += 1
        return phase

    def by_phase(self) -> Counter[str]:
        """Count the kills of each phase."""
        phases: Counter[str] = Counter()
        for (phase, _), number in self.outcomes.items():
            phases[phase] += number
        return phases


def test_a_kill_at_any_instant_leaves_all_or_nothing(runner, installed, labresults, figures) -> None:
    spec = runner.spec("writer", ["python3", "-c", WRITER])
    words = ("run", spec, "--input", f"labresults={labresults}", "--log-format", "json")
    variables = dict(installed("boto3"))
    crashes = Crashes(runner, lambda: Life(runner, words, variables))
    clock = crashes.clock
    figures(f"crash: {clock.until_exit:.2f} s to the user code's exit, then {clock.finalize:.3f} s to the end")

    crashes.kill_many(BEFORE_EXIT, after_exit=False)
    crashes.kill_many(AFTER_EXIT, after_exit=True)

    phases = crashes.by_phase()
    for phase in (*PHASES.values(), ENDED):
        figures(f"crash: {phase:16} {phases[phase]:4} {'#' * phases[phase]}")
    for (phase, result), number in sorted(crashes.outcomes.items()):
        figures(f"crash: {phase:16} {number:4} left the {result}")
    assert phases.total() - phases[ENDED] >= BEFORE_EXIT + AFTER_EXIT
    assert phases[FINALIZING] >= AFTER_EXIT


def _head(runner: Runner) -> str:
    branch: dict[str, Any] = runner.ask("branch", "inspect", "writer@master")
    return str(branch["head"]["id"])


def _check(runner: Runner, before: str) -> str:
    """Check the store after a kill, and say whether the branch shows the commit of *before* or a new one."""
    newest = runner.ask("job", "list")[0]
    after = _head(runner)
    runner("store", "check")
    assert newest["state"] in ("JOB_SUCCESS", "JOB_KILLED"), json.dumps(newest)
    assert (newest["state"] == "JOB_SUCCESS") == (newest["job"]["id"] == after)
    commit = runner.ask("commit", "inspect", f"writer@{after}")
    assert (commit["state"], commit["objects"]) == ("FINISHED", OBJECTS)
    return "new commit" if after != before else "old commit"
