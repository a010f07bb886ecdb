"""``runner job logs``: which lines are asked for, and lines that come while a job runs."""

from __future__ import annotations

import json
import os
import re
import sys
import time

import pytest

from runner.cli.following import RECONCILE_SECONDS
from tests.system.command import Runner

LINES = 12
ECHO = """
import sys
for turn in open(sys.argv[1]):
    print("heard", turn.strip(), flush=True)
"""


@pytest.fixture
def job(runner, spec, labresults) -> str:
    said = runner("run", spec("echo one; echo two >&2"), "--input", f"labresults={labresults}")
    assert said.status == 0
    return said.out.strip()


def test_every_record_is_a_json_line_with_pachyderms_names(runner, job):
    records = [json.loads(line) for line in runner("job", "logs", job, "-o", "json").out.splitlines()]
    pipeline, _, id_ = job.partition("@")
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", record["ts"])
        assert (record["projectName"], record["pipelineName"], record["jobId"]) == ("default", pipeline, id_)
        assert {"level", "event", "workerId", "message"} <= record.keys()
    users = [record for record in records if record.get("user")]
    assert {(record["stream"], record["message"]) for record in users} == {("stdout", "one"), ("stderr", "two")}
    assert all(re.fullmatch("[0-9a-f]{64}", record["datumId"]) for record in users)
    assert runner("job", "logs", job, "--raw").out.splitlines() == [
        json.dumps(record, separators=(",", ":")) for record in records
    ]


def test_lines_are_chosen_by_who_wrote_them_by_datum_and_by_time(runner, job):
    def messages(*words: str) -> set[str]:
        out = runner("job", "logs", job, "-o", "json", *words).out
        return {record["message"] for record in map(json.loads, out.splitlines())}

    everything = messages()
    assert messages("--user") == {"one", "two"}
    assert messages("--no-user") == everything - {"one", "two"}
    (datum,) = {
        json.loads(line)["datumId"] for line in runner("job", "logs", job, "-o", "json", "--user").out.splitlines()
    }
    assert {"one", "two"} <= messages("--datum", datum[:8]) < everything
    assert messages("--datum", "0" * 64) == set()
    assert messages("--since", "5m") == messages("--since", "2020-01-01T00:00:00+01:00") == everything
    assert messages("--since", "2999-01-01") == messages("--since", "0s") == set()
    wrong = runner("job", "logs", job, "--since", "yesterday")
    assert (wrong.status, wrong.out) == (2, "")
    assert "2026-01-31T12:00:00Z" in wrong.err


def test_system_lines_come_with_times_and_only_when_asked_for(runner, job):
    assert "job.started" not in runner("job", "logs", job).out
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} info  job.started", runner("job", "logs", job, "--system").out)


def test_a_follower_sees_each_line_as_it_is_written_and_ends_with_the_job(tmp_path):
    """Each line is written only after the one before was seen: looks alone, without hints, would take a minute."""
    runner = Runner(tmp_path)
    turns = tmp_path / "turns"
    os.mkfifo(turns)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "x").write_text("x")
    spec = runner.spec("echo", [sys.executable, "-c", ECHO, str(turns)])
    running = runner.start("run", spec, "--input", f"labresults={tmp_path / 'given'}", "--log-format", "json")
    with running:
        record = json.loads(running.stderr.readline())
        while record["event"] != "job.started":
            record = json.loads(running.stderr.readline())
        with runner.start("job", "logs", record["jobId"], "--follow") as follower, turns.open("w") as say:
            began = time.monotonic()
            for turn in range(LINES):
                say.write(f"{turn}\n")
                say.flush()
                assert follower.stdout.readline() == f"heard {turn}\n"
            assert time.monotonic() - began < LINES * RECONCILE_SECONDS / 2
            say.close()
            assert follower.communicate(timeout=30) == ("", "")
            assert follower.returncode == 0
        running.communicate(timeout=30)
        assert running.returncode == 0
