"""One job with two sides: real processes, a real gateway, a folder between them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from runner.model.job import JobState
from tests.supervisor.sides import SECONDS, WRITE, Sides, wait_until

HANG = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"


@pytest.fixture
def sides(tmp_path):
    with Sides(tmp_path) as sides:
        yield sides


def test_both_sides_end_with_0_when_the_commit_is_durable(sides):
    sidecar = sides.sidecar()
    user = sides.command(f"import os; assert os.environ['GREETING'] == \"it's me\"\n{WRITE}")
    ready = sidecar.ready()
    assert user.wait(SECONDS) == 0, user.stderr.read()
    assert sidecar.end() == 0
    (job,) = sides.jobs()
    assert (str(job.key), job.state) == (ready["job"], JobState.SUCCESS)
    assert sides.keys() == [b"copy.csv"]
    record = sides.record(job)
    assert record["command"]["cmd"][:2] == [sys.executable, "-c"]  # what ran, and not what the spec says
    assert [read["key"] for read in record["observed"]] == ["a.csv"]
    assert "succeeded" in user.stderr.read()


def test_a_result_is_repeated_and_nothing_runs_again(sides):
    sidecar = sides.sidecar()
    user = sides.command(WRITE)
    assert (user.wait(SECONDS), sidecar.end()) == (0, 0)
    (sides.share / "result").unlink()
    again = sides.sidecar()
    assert again.ready()["endpoint"] is None
    assert again.end() == 0
    assert sides.result[0] == 0
    assert sides.command("raise SystemExit(9)").wait(SECONDS) == 0
    assert len(sides.jobs()) == 1
    job = (sides.share / "job").read_text().strip()
    for file in sides.share.glob("*"):
        if file.is_file():
            file.unlink()
    assert sides.sidecar("--job", job).end() == 0
    assert sides.result[0] == 0


def test_a_command_that_fails_is_1_on_both_sides_and_publishes_nothing(sides):
    sidecar = sides.sidecar()
    user = sides.command(f"{WRITE}\nraise SystemExit(3)")
    assert (user.wait(SECONDS), sidecar.end()) == (1, 1)
    (job,) = sides.jobs()
    assert job.state is JobState.FAILURE
    assert job.reason.endswith("exited 3")
    assert sides.keys() is None
    assert sides.keys(str(job.key)) == [b"copy.csv"]
    assert sides.sidecar().end() == 1  # repeated
    assert sides.result[0] == 1


def test_a_status_that_the_spec_accepts_is_a_success(sides):
    sides.spec(transform={"cmd": ["anything"], "accept_return_code": [3]})
    sidecar = sides.sidecar()
    assert (sides.run("sh", "-c", "exit 3").wait(SECONDS), sidecar.end()) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_users_side_publishes_nothing(sides, number):
    sidecar = sides.sidecar()
    user = sides.command(f"import signal; signal.signal(15, lambda *_: exit(0))\n{WRITE}\n{HANG}")
    assert user.stdout.readline() == "begun\n"
    user.send_signal(number)
    assert (user.wait(SECONDS), sidecar.end()) == (128 + number, 128 + number)
    assert sides.jobs()[0].state is JobState.KILLED
    assert sides.keys() is None


def test_a_signal_to_the_sidecar_publishes_nothing_and_ends_the_command(sides):
    sidecar = sides.sidecar()
    user = sides.command(f"{WRITE}\n{HANG}")
    assert user.stdout.readline() == "begun\n"
    assert sidecar.end(signal.SIGTERM) == 143
    assert user.wait(SECONDS) == 143
    assert sides.jobs()[0].state is JobState.KILLED
    assert sides.keys() is None


def test_a_signal_to_the_sidecar_after_the_command_ended_does_not_stop_the_commit(sides):
    sidecar = sides.sidecar()
    sidecar.ready()
    sidecar.process.send_signal(signal.SIGSTOP)  # so that it sees both at once
    (sides.share / "exit.draft").write_text("0\n")
    (sides.share / "exit.draft").rename(sides.share / "exit")
    sidecar.process.send_signal(signal.SIGTERM)
    assert sidecar.end(signal.SIGCONT) == 0
    assert sides.result[0] == 0
    assert sides.jobs()[0].state is JobState.SUCCESS


def test_the_job_of_a_sidecar_that_was_killed_is_given_up_by_the_next_one(sides):
    sidecar = sides.sidecar(job_grace_seconds="1", sidecar_lost_seconds="60")
    user = sides.command(f"{WRITE}\n{HANG}")
    assert user.stdout.readline() == "begun\n"
    assert sidecar.end(signal.SIGKILL) == -signal.SIGKILL
    assert sides.sidecar().end() == 137
    assert user.wait(SECONDS) == 137
    (job,) = sides.jobs()
    assert (job.state, job.reason) == (JobState.KILLED, "the runner died")
    assert sides.keys() is None
    assert sides.problems() == []


def test_a_users_side_that_was_killed_is_missed_and_the_job_fails(sides):
    sidecar = sides.sidecar()
    user = sides.command(f"{WRITE}\n{HANG}")
    assert user.stdout.readline() == "begun\n"
    wait_until((sides.share / "pulse").read_text)  # from now on somebody ends the command when we go
    user.kill()
    user.wait()
    assert sidecar.end() == 1
    (job,) = sides.jobs()
    assert job.state is JobState.FAILURE
    assert "gave no sign of life for 8 s" in job.reason


def test_a_second_sidecar_leaves_the_folder_to_the_first(sides):
    sidecar = sides.sidecar()
    sidecar.ready()
    assert sides.sidecar().end() == 3
    assert not (sides.share / "result").exists()
    assert sides.command(WRITE).wait(SECONDS) == 0
    assert sidecar.end() == 0


def test_the_folder_of_another_job_is_refused(sides):
    sides.share.mkdir()
    (sides.share / "job").write_text("other@000000000000400000000000000000aa\n")
    assert sides.sidecar().end() == 2
    assert not (sides.share / "run").exists()


@pytest.mark.parametrize(
    "name", ["copy@1234", "other@000000000000400000000000000000aa", "00000000000050000000000000000000"]
)
def test_what_names_no_job_of_the_pipeline_is_refused(sides, name):
    sidecar = sides.sidecar("--job", name)
    assert sidecar.end() == 2
    assert "Traceback" not in sidecar.process.stderr.read()


def test_a_job_is_opened_under_the_id_that_is_given(sides):
    id_ = "0123456789ab4def8123456789abcdef"
    sidecar = sides.sidecar("--job", id_)
    assert sidecar.ready()["job"] == f"copy@{id_}"
    assert sides.run("true").wait(SECONDS) == 0
    assert [job.key.id for job in sides.jobs()] == [id_]
    assert sides.keys() == []


def test_an_empty_input_runs_nothing_and_succeeds(sides):
    (sides.folder / "lab" / "a.csv").unlink()
    sidecar = sides.sidecar()
    user = sides.run("touch", str(sides.folder / "ran"))
    assert (user.wait(SECONDS), sidecar.end()) == (0, 0)
    assert not (sides.folder / "ran").exists()
    assert "an input is empty" in user.stderr.read()


def test_a_missing_input_is_told_and_the_folder_can_be_used_again(sides):
    sidecar = sides.sidecar(inputs=())
    user = sides.run("true")
    assert (sidecar.end(), user.wait(SECONDS)) == (2, 2)
    assert "lab@master, which holds no commit yet" in user.stderr.read()
    sidecar = sides.sidecar()
    sidecar.ready()
    assert sides.run("true").wait(SECONDS) == 0
    assert sidecar.end() == 0


@pytest.mark.parametrize(("field", "state"), [("job_timeout", JobState.KILLED), ("datum_timeout", JobState.FAILURE)])
def test_a_timeout_of_the_spec_ends_the_command(sides, field, state):
    sides.spec(**{field: "3s"})
    sidecar = sides.sidecar()
    assert (sides.command(HANG).wait(SECONDS), sidecar.end()) == (124, 124)
    (job,) = sides.jobs()
    assert job.state is state
    assert f"the {field} of 3s" in job.reason


def test_with_auth_the_token_is_asked_for_and_told_to_nobody_else(sides):
    sidecar = sides.sidecar("--auth")
    ready = sidecar.ready()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{ready['endpoint']}/lab/a.csv")
    client = "import boto3; boto3.client('s3').put_object(Bucket='out', Key='k', Body=b'x')\n"
    user = sides.command(f"{client}import os; print(os.environ['PACH_TOKEN'])")
    assert (user.wait(SECONDS), sidecar.end()) == (0, 0)
    token = user.stdout.read().strip()
    assert token.startswith("rnr_")
    assert token not in sidecar.process.stderr.read()
    assert token.encode() not in b"".join(path.read_bytes() for path in sides.store.rglob("*") if path.is_file())
    assert (sides.share / "env").stat().st_mode & 0o077 == 0


def test_held_it_stays_until_it_is_told_to_end(sides):
    sidecar = sides.sidecar("--hold")
    user = sides.run("false")
    ready = sidecar.ready()
    assert user.wait(SECONDS) == 1
    assert finish(ready, 0)["status"] == 1  # repeated, whatever is said now
    assert sidecar.process.poll() is None
    assert sidecar.end(signal.SIGTERM) == 1


def finish(ready, status, token="", job=None, kind="application/json"):
    request = urllib.request.Request(
        f"{ready['admin']}/api/v1/jobs/{job or ready['job']}/finish",
        json.dumps({"status": status}).encode(),
        {"Content-Type": kind, "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_a_process_without_the_folder_ends_the_job_over_the_network(sides):
    sidecar = sides.sidecar("--hold")
    ready = sidecar.ready()
    put = urllib.request.Request(f"{ready['endpoint']}/out/k", b"x", method="PUT")
    urllib.request.urlopen(put).close()
    words = ("job", "finish", ready["job"], "--status", "0", "--admin", ready["admin"])
    result = sides.ask(*words)
    assert (result["state"], result["status"]) == ("JOB_SUCCESS", 0)
    assert result["outputCommit"]["id"] == result["job"]["id"]
    assert sides.ask(*words) == result
    assert sides.keys() == [b"k"]
    assert sidecar.end(signal.SIGTERM) == 0


def test_who_ends_the_job_over_the_network_ends_as_it_ends(sides):
    sidecar = sides.sidecar()
    ready = sidecar.ready()
    words = ("job", "finish", ready["job"], "--status", "4", "--admin", ready["admin"])
    result = sides.ask(*words, status=1)
    assert (result["state"], result["message"].endswith("the command exited 4")) == ("JOB_FAILURE", True)
    assert sidecar.end() == 1


def test_over_the_network_only_the_jobs_token_ends_it(sides):
    sidecar = sides.sidecar("--auth")
    ready = sidecar.ready()
    lines = (sides.share / "env").read_text().splitlines()
    (token,) = [line.partition("=")[2].strip("'") for line in lines if line.startswith("export PACH_TOKEN=")]
    right = {"status": 0, "token": token}
    for changed, code in (
        ({"token": "wrong"}, 401),
        ({"token": ""}, 401),
        ({"job": "copy@000000000000400000000000000000aa"}, 404),
        ({"kind": "text/plain"}, 400),
        ({"status": 256}, 400),
        ({"status": True}, 400),
        ({"status": "0"}, 400),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            finish(ready, **{**right, **changed})
        assert refused.value.code == code
        assert token not in refused.value.read().decode()
    assert sidecar.process.poll() is None
    assert finish(ready, **right)["status"] == 0


def test_a_sidecar_that_is_not_there_is_said_in_a_sentence(sides, tmp_path):
    process = sides._start(
        [sys.executable, "-m", "runner", "job", "finish", "copy@x", "--status", "0", "--admin", "http://127.0.0.1:9"],
        {"RUNNER_STORE": str(tmp_path / "none")},
    )
    assert process.wait(SECONDS) == 75
    assert "gives no answer" in process.stderr.read()


def test_files_are_as_readable_as_the_folder_is(sides):
    sides.share.mkdir()
    sides.share.chmod(0o777)
    sidecar = sides.sidecar(umask=0o077)
    sidecar.ready()
    modes = {path.name: path.stat().st_mode & 0o777 for path in sides.share.iterdir()}
    assert modes == {"run": 0o755, "clients": 0o755, "pfs": 0o755} | dict.fromkeys(("alive", "env", "job"), 0o644)
    assert (sides.share / "clients" / "credentials").stat().st_mode & 0o777 == 0o644
    assert sides.run("true").wait(SECONDS) == 0


def test_an_address_or_a_certificate_that_cannot_be_is_refused_before_there_is_a_job(sides):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for options in (("--listen", f"127.0.0.1:{port}"), ("--tls-cert", "none.pem", "--tls-key", "none.pem")):
            assert sides.sidecar(*options).end() == 2
    assert not sides.share.exists()


def test_a_job_that_is_stopped_ends_the_command(sides):
    sidecar = sides.sidecar()
    user = sides.command(f"{WRITE}\n{HANG}")
    ready = sidecar.ready()
    assert user.stdout.readline() == "begun\n"
    sides.ask("job", "stop", ready["job"])
    assert (sidecar.end(), user.wait(SECONDS)) == (143, 143)
    assert sides.jobs()[0].state is JobState.KILLED


def test_output_that_is_no_bucket_cannot_be_handed_over(sides):
    sides.spec(s3_out=False)
    assert sides.sidecar().end() == 2
    assert not sides.share.exists()


def test_what_the_users_side_writes_is_read_as_data(sides):
    sidecar = sides.sidecar()
    sidecar.ready()
    os.mkfifo(sides.share / "exit")  # would hang whoever opens it
    assert sidecar.end() == 1
    assert "holds no exit status" in sides.result[1]
    assert Path(sides.share / "exit").is_fifo()
