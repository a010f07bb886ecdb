"""How jobs end otherwise than well: what is said, what is kept, and that nothing is published."""

import json
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.system.command import Runner
from tests.system.processes import MARK, alive, wait_until

pytestmark = pytest.mark.timeout(300)

# Ends with the status that its input says, after it wrote half of what it should.
HALF = """\
echo "sees $(aws s3 ls s3://out/ --recursive | wc -l) objects"
echo half | aws s3 cp - s3://out/half.txt --only-show-errors
ending=$(aws s3 cp s3://labresults/ending -)
test "$ending" != killed || kill -KILL $$
test "$ending" = 0 || exit "$ending"
echo whole | aws s3 cp - s3://out/whole.txt --only-show-errors
"""


def _give(folder: Path, ending: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "ending").write_text(ending)
    return folder


def _head(runner: Runner, pipeline: str) -> str | None:
    head = runner.ask("branch", "inspect", f"{pipeline}@master").get("head")
    return head and head["id"]


def _users_lines(log: str) -> list[str]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line["message"] for line in lines if line.get("user")]


@pytest.mark.parametrize(
    ("ending", "end"),
    [("3", {"status": 3}), ("killed", {"signal": 9})],
    ids=["exits-3", "is-killed"],
)
def test_a_failure_publishes_nothing_and_keeps_everything(runner, installed, tmp_path, ending, end) -> None:
    how = ("exited 3",) if "status" in end else ("was killed by", "SIGKILL")
    found = installed("awscli")
    spec = runner.spec("half", ["sh"], stdin=[HALF])
    good = runner("run", spec, "--input", f"labresults={_give(tmp_path / 'given', '0')}", **found).stdout.strip()
    assert good == f"half@{_head(runner, 'half')}"

    given = _give(tmp_path / "given", ending)
    failed = runner("run", spec, "--input", f"labresults={given}", "--log-format", "json", status=1, **found)

    last = failed.stderr.strip().splitlines()[-1]
    assert all(words in last for words in ("sh ", *how))
    assert good == f"half@{_head(runner, 'half')}"

    job = failed.stdout.strip()
    inspected = runner.ask("job", "inspect", job)
    assert inspected["state"] == "JOB_FAILURE"
    assert all(words in inspected["reason"] for words in how)
    attempts = inspected["attempts"]
    assert [attempt["try"] for attempt in attempts] == [1, 2, 3]
    assert [{name: attempt.get(name) for name in end} for attempt in attempts] == [end] * 3
    assert runner.keys(f"half@{inspected['quarantined']['commit']['id']}") == ["half.txt"]
    assert [line for line in _users_lines(failed.stderr) if line.startswith("sees")] == ["sees 0 objects"] * 3
    runner("store", "check")


def test_sigterm_ends_the_job_and_every_process_of_it(runner, installed, labresults) -> None:
    mark = uuid.uuid4().hex
    script = "echo half | aws s3 cp - s3://out/half.txt; sleep 1000 & trap '' TERM; echo ready; sleep 1000; sleep 1000"
    spec = runner.spec("endless", ["sh"], stdin=[script])
    process = runner.start(
        "run",
        spec,
        "--input",
        f"labresults={labresults}",
        "--log-format",
        "json",
        **installed("awscli"),
        **{MARK: mark},
    )
    with process:
        _read_until(process, '"ready"')
        assert len(alive(mark)) > 2
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 143, err
    wait_until(lambda: not alive(mark))
    (job,) = runner.ask("job", "list")
    assert job["state"] == "JOB_KILLED"
    assert runner.ask("branch", "list", "endless") == [] or _head(runner, "endless") is None
    assert out.strip() in ("", f"endless@{job['job']['id']}")
    runner("store", "check")


def _read_until(process: subprocess.Popen[str], text: str) -> None:
    """Read what *process* says on standard error up to a line that holds *text*."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return
    raise AssertionError(f"{text} was never said:\n{''.join(said)}")


MANY = """
import boto3
s3 = boto3.client("s3")
for number in range(300):
    s3.put_object(Bucket="out", Key=f"{number:03}", Body=b"result")
"""


@pytest.mark.parametrize("delay_seconds", [0, 0.003, 0.01, 0.03, 0.1])
def test_sigterm_after_the_seal_does_not_stop_the_commit(runner, installed, labresults, delay_seconds) -> None:
    spec = runner.spec("many", ["python3", "-c", MANY])
    words = ("run", spec, "--input", f"labresults={labresults}", "--log-format", "json")
    with runner.start(*words, **installed("boto3")) as process:
        _read_until(process, '"job.sealed"')
        time.sleep(delay_seconds)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert out.strip() == f"many@{_head(runner, 'many')}"
    assert runner.ask("commit", "inspect", out.strip())["objects"] == 300


def test_what_a_left_over_child_writes_is_not_in_the_commit(runner, installed, labresults) -> None:
    mark = uuid.uuid4().hex
    script = """\
import boto3, subprocess, sys
writer = '''
import boto3, itertools
s3 = boto3.client("s3")
for number in itertools.count():
    s3.put_object(Bucket="out", Key=f"late/{number:06}", Body=b"late")
    print(number, flush=True)
'''
child = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, start_new_session=True)
boto3.client("s3").put_object(Bucket="out", Key="result", Body=b"result")
for _ in range(20):
    child.stdout.readline()
"""
    spec = runner.spec("leaky", ["python3", "-c", script])
    variables = {**installed("boto3"), MARK: mark}
    job = runner("run", spec, "--input", f"labresults={labresults}", **variables).stdout.strip()

    wait_until(lambda: not alive(mark))
    keys = runner.keys(job)
    late = [key for key in keys if key != "result"]
    assert len(keys) == len(late) + 1
    assert late == [f"late/{number:06}" for number in range(len(late))]  # all that came before the end, whole
    assert len(late) >= 20
    assert runner.ask("commit", "inspect", job)["objects"] == len(keys)
    runner("store", "check")


def test_two_runs_at_once_make_one_history(runner, installed, labresults) -> None:
    spec = runner.spec("twin", ["sh"], stdin=["sleep 1; echo $PACH_JOB_ID | aws s3 cp - s3://out/id"])
    words = ("run", spec, "--input", f"labresults={labresults}")
    found = installed("awscli")
    both = [runner.start(*words, **found) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], ends
    jobs = {out.strip() for out, _ in ends}
    commits = {job: runner.ask("commit", "inspect", job) for job in jobs}
    first, second = sorted(jobs, key=lambda job: "parentCommit" in commits[job])
    assert "parentCommit" not in commits[first]
    assert f"twin@{commits[second]['parentCommit']['id']}" == first
    assert f"twin@{_head(runner, 'twin')}" == second
    for job in jobs:
        assert job == "twin@" + runner("file", "cat", f"{job}:/id").stdout.strip()
