"""What a spec allows the code, and how it is said that the code wanted more."""

import json
import sys

import pytest

from runner.host.cgroups import CPU, MEMORY, Cgroups

GREEDY = "data = bytearray(400 << 20); print('has it all')"


@pytest.fixture
def job(runner, labresults):
    """Run one job of Python code with limits; return its reason and what was said."""

    def run(limits, argv, status, **variables):
        spec = runner.spec("limited", argv, resourceLimits=limits, datumTries=1)
        given = ("--input", f"labresults={labresults / 'notes'}", "--log-format", "json")
        done = runner("run", spec, *given, status=status, **variables)
        reason = runner.ask("job", "inspect", done.stdout.strip()).get("reason", "")
        return reason, [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]

    return run


def notices(records):
    return [record["message"] for record in records if record.get("event") == "limits.not_held"]


def test_more_memory_than_allowed_is_told_from_a_kill(job):
    reason, records = job({"memory": "100Mi"}, [sys.executable, "-c", GREEDY], 1)
    if Cgroups().can_limit(MEMORY):
        assert "was killed: out of memory, its limit is 100Mi on try 1 of 1" in reason
        assert notices(records) == []
    else:
        assert "MemoryError" in reason
        assert len(notices(records)) == 1


def test_a_shell_that_survives_its_child_says_why_it_failed(job):
    script = f"{sys.executable} -c '{GREEDY.replace(chr(39), chr(34))}' || exit 7"
    reason, _ = job({"memory": "100Mi"}, ["sh", "-c", script], 1)
    if Cgroups().can_limit(MEMORY):
        # Version 2 ends the whole group at once, version 1 the largest process.
        assert "out of memory, its limit is 100Mi" in reason
    else:
        assert "MemoryError" in reason


def test_limits_that_are_turned_off_hold_nobody(job):
    _, records = job({"memory": "100Mi", "disk": "1Mi"}, [sys.executable, "-c", GREEDY], 0, RUNNER_JOB_LIMITS="off")
    assert notices(records) == []


def test_a_file_larger_than_the_disk_allowed_ends_the_code(job):
    reason, records = job({"disk": "1Mi"}, ["sh", "-c", "exec head -c 2000000 /dev/zero > big"], 1)
    assert "died of SIGXFSZ: a file became larger than allowed" in reason
    assert notices(records) == ["of resourceLimits, disk 1Mi is held for each file, not for all together"]


def test_processors_are_shared_out(job):
    """Half a processor for a second of work takes two."""
    busy = "import time; begun = time.monotonic(); n = 0\nwhile time.process_time() < 1: n += 1\n"
    busy += "print('took', time.monotonic() - begun)"
    _, records = job({"cpu": 0.5}, [sys.executable, "-c", busy], 0)
    (took,) = (float(r["message"].split()[1]) for r in records if r.get("user") and r["message"].startswith("took"))
    assert took > 1.5 if Cgroups().can_limit(CPU) else notices(records) == ["of resourceLimits, cpu 0.5 is not held"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["sh", "-c", "kill -SEGV $$"], "died of SIGSEGV"), (["sh", "-c", "kill -KILL $$"], "was killed by SIGKILL")],
)
def test_a_signal_is_told_by_its_name(job, argv, said):
    reason, _ = job({}, argv, 1)
    assert f"{said} on try 1 of 1" in reason
