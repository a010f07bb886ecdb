"""What `run` promises to both sides, whichever shell it is run by; subclass it and give a `shell`."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.job.share import Limits, Share

SECONDS = 60


class Sidecar:
    """A sidecar that says what the test has it say; it beats until `die`."""

    def __init__(self, folder: Path) -> None:
        self.share = Share(folder)
        self.share.claim("copy@" + "a" * 12 + "4" + "b" * 19)
        self.share.put_script(Limits(env=600, lost=2, grace=1))
        self._dead = threading.Event()
        self._beating = threading.Thread(target=self._beat)
        self._beating.start()

    def _beat(self) -> None:
        while not self._dead.wait(0.3):
            self.share.beat()

    def hand_over(self, **environment: str) -> None:
        self.share.put_environment(environment, {}, [], [])

    def die(self) -> None:
        self._dead.set()
        self._beating.join()


def wait_until(is_so: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class ScriptContract:
    """Every promise of the script."""

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        return tmp_path / "it's shared"

    @pytest.fixture
    def sidecar(self, folder) -> Iterator[Sidecar]:
        sidecar = Sidecar(folder)
        yield sidecar
        sidecar.die()
        sidecar.share.close()

    @pytest.fixture
    def start(self, shell, folder) -> Iterator[Callable[..., subprocess.Popen[str]]]:
        started = []

        def start(*command: str, **options) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*shell, str(folder / "run"), *command],
                **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
                | options,
            )
            started.append(process)
            return process

        yield start
        for process in started:
            if process.poll() is None:
                process.kill()
            with process:
                pass

    def test_it_ends_as_the_job_ends_and_not_as_the_command_did(self, sidecar, start, folder):
        sidecar.hand_over(GREETING="it's me")
        process = start("sh", "-c", 'echo "$GREETING, $1"; cat; exit 7', "-", "two words", stdin=subprocess.PIPE)
        process.stdin.write("what came in\n")
        process.stdin.close()
        wait_until(sidecar.share.exit)
        assert (sidecar.share.exit().status, sidecar.share.exit().word) == (7, "")
        assert sidecar.share.command()[-1] == "two words"
        assert process.poll() is None
        sidecar.share.put_result(75, "no commit: the disk is full")
        assert process.wait(SECONDS) == 75
        assert process.stdout.read() == "it's me, two words\nwhat came in\n"
        assert process.stderr.read() == "run: no commit: the disk is full\n"

    def test_it_waits_for_the_environment(self, sidecar, start, folder):
        process = start("true")
        time.sleep(0.5)
        assert sidecar.share.pulse() is None
        sidecar.hand_over()
        wait_until(sidecar.share.exit)
        sidecar.share.put_result(0, "")
        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == ""

    def test_the_command_finds_the_job_and_its_own_variables_and_no_others(self, sidecar, start, folder):
        sidecar.hand_over(PATH="/nowhere:/usr/bin:/bin", CONFIG="\0/clients/config")
        own = {"PATH": os.environ["PATH"], "r_status": "mine", "HOME": "/"}
        process = start("env", env=own)
        wait_until(sidecar.share.exit)
        sidecar.share.put_result(0, "")
        found = dict(line.split("=", 1) for line in process.stdout.read().splitlines())
        of_shells = {"PWD", "OLDPWD", "SHLVL", "_"}
        assert {name: value for name, value in found.items() if name not in of_shells | {"r_status"}} == {
            "PATH": "/nowhere:/usr/bin:/bin",
            "HOME": "/",
            "CONFIG": f"{folder}/clients/config",
        }

    @pytest.mark.parametrize("script", ["kill -KILL $$", "exit 137"])
    def test_a_command_that_is_killed_is_told_as_shells_tell_it(self, sidecar, start, script):
        sidecar.hand_over()
        start("sh", "-c", script)
        wait_until(sidecar.share.exit)
        assert sidecar.share.exit().status == 137

    def test_a_command_that_is_not_there_is_127(self, sidecar, start):
        sidecar.hand_over()
        start("no-such-command")
        wait_until(sidecar.share.exit)
        assert sidecar.share.exit().status == 127

    @pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "TERM"), (signal.SIGINT, "INT")])
    def test_a_signal_goes_on_to_the_command_and_is_told(self, sidecar, start, folder, number, word):
        sidecar.hand_over()
        process = start("sh", "-c", "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        wait_until(sidecar.share.exit)
        assert (sidecar.share.exit().status, sidecar.share.exit().word) == (5, word)
        process.send_signal(number)  # not heard: the command has ended, and its work may be complete
        time.sleep(0.3)
        assert process.poll() is None
        sidecar.share.put_result(0, "")
        assert process.wait(SECONDS) == 0
        assert process.stdout.read() == "got it\n"

    def test_while_the_job_is_settled_the_second_signal_is_heard(self, sidecar, start):
        sidecar.hand_over()
        process = start("true")
        wait_until(sidecar.share.exit)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 143
        assert "runner job inspect copy@" in process.stderr.read()

    def test_a_signal_before_the_environment_runs_nothing_and_is_told(self, sidecar, start):
        process = start("touch", "never")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 143
        assert (sidecar.share.exit().status, sidecar.share.exit().word) == (143, "TERM")
        assert sidecar.share.pulse() is None

    def test_without_a_sidecar_that_lives_it_does_not_wait_for_the_environment(self, sidecar, start):
        sidecar.die()
        process = start("true")
        assert process.wait(SECONDS) == 75
        assert sidecar.share.exit().word == "LATE"
        assert "has the sidecar started?" in process.stderr.read()

    def test_it_waits_for_the_environment_for_so_long_and_no_longer(self, sidecar, start):
        sidecar.share.put_script(Limits(env=1, lost=60, grace=1))
        process = start("true")
        assert process.wait(SECONDS) == 75
        assert sidecar.share.exit().word == "LATE"

    def test_of_a_job_that_has_ended_nothing_runs(self, sidecar, start):
        sidecar.hand_over()
        sidecar.share.put_result(3, "copy is\ndone")
        process = start("echo", "ran")
        assert process.wait(SECONDS) == 3
        assert (process.stdout.read(), process.stderr.read()) == ("", "run: copy is done\n")

    def test_whoever_comes_second_waits_for_the_end_of_the_first(self, sidecar, start):
        sidecar.hand_over()
        first = start("sh", "-c", "echo first; read -r _", stdin=subprocess.PIPE)
        assert first.stdout.readline() == "first\n"
        second = start("echo", "second")
        time.sleep(0.5)
        assert second.poll() is None
        first.stdin.close()
        wait_until(sidecar.share.exit)
        sidecar.share.put_result(0, "")
        assert (first.wait(SECONDS), second.wait(SECONDS)) == (0, 0)
        assert second.stdout.read() == ""

    @pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
    def test_a_command_ends_when_the_sidecar_has_gone(self, sidecar, start, trap):
        sidecar.hand_over()
        process = start("sh", "-c", f"{trap}echo $$; while :; do sleep 0.1; done")
        pid = int(process.stdout.readline())
        wait_until(sidecar.share.pulse)
        sidecar.die()
        assert process.wait(SECONDS) == 75
        assert not is_alive(pid)
        assert "the sidecar has gone" in process.stderr.read()
        assert sidecar.share.exit() is not None

    def test_a_command_ends_when_the_job_has_ended(self, sidecar, start):
        sidecar.hand_over()
        process = start("sh", "-c", "echo $$; while :; do sleep 0.1; done")
        pid = int(process.stdout.readline())
        sidecar.share.put_result(124, "it took too long")
        assert process.wait(SECONDS) == 124
        assert not is_alive(pid)

    def test_a_command_ends_when_the_script_is_killed_and_beats_no_more(self, sidecar, start):
        sidecar.hand_over()
        process = start("sh", "-c", "echo $$; while :; do sleep 0.1; done")
        pid = int(process.stdout.readline())
        wait_until(sidecar.share.pulse)
        process.kill()
        process.wait()
        wait_until(lambda: not is_alive(pid))
        before = sidecar.share.pulse()
        time.sleep(1.5)
        assert sidecar.share.pulse() == before
        assert sidecar.share.exit() is None

    def test_nothing_of_it_is_left_when_it_ends(self, sidecar, start):
        sidecar.hand_over()
        process = start("sh", "-c", "sleep 0.5", start_new_session=True)
        wait_until(sidecar.share.exit)
        sidecar.share.put_result(0, "")
        assert process.wait(SECONDS) == 0
        wait_until(lambda: not members_of(process.pid))

    def test_it_is_found_from_any_folder_and_its_output_ends_with_it(self, sidecar, shell, folder):
        sidecar.hand_over(PLACE="\0/x")
        with subprocess.Popen(
            f"{' '.join(shell)} run sh -c 'echo $PLACE' <&- | cat", cwd=folder, shell=True, stdout=subprocess.PIPE
        ) as process:
            wait_until(sidecar.share.exit)
            sidecar.share.put_result(0, "")
            assert process.communicate(timeout=SECONDS)[0] == f"{folder}/x\n".encode()

    def test_no_command_is_wrong_usage(self, sidecar, start):
        process = start()
        assert process.wait(SECONDS) == 2
        assert "usage:" in process.stderr.read()


def members_of(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
