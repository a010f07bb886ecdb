import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading

import pytest

from runner.cli.app import execute
from runner.model.ids import is_commit_id
from tests.cli.terminal import Terminal

PUT = f"""{sys.executable} -c '
import os, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
body = urllib.request.urlopen(endpoint + "/labresults/units.json").read()
urllib.request.urlopen(urllib.request.Request(endpoint + "/out/copy.json", body, method="PUT"))
'
echo copied
echo careful >&2
"""


@pytest.fixture
def runner(runner, labresults):
    """The command line over a store that holds the lab results."""
    assert runner("file", "put", "-r", str(labresults), "labresults@master").status == 0
    return runner


def test_in_a_pipe_stdout_is_the_job_alone_and_stderr_is_json_lines(runner, spec):
    said = runner("run", spec(PUT))
    assert said.status == 0
    pipeline, _, id_ = said.out.rstrip("\n").partition("@")
    assert (pipeline, is_commit_id(id_)) == ("lab_summary", True)
    assert said.out.count("\n") == 1
    records = [json.loads(line) for line in said.err.splitlines()]
    assert {"copied", "careful"} <= {record["message"] for record in records if record.get("user")}
    events = [record["event"] for record in records if not record.get("user")]
    assert events[0] == "job.started"
    assert events[-1] == "job.succeeded"
    assert "\r" not in said.err
    assert "\x1b" not in said.err


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--listen", "here", "it is no HOST:PORT"),
        ("--listen", "127.0.0.1:70000", "it is no HOST:PORT"),
        ("--advertise", "gateway", "is no URL"),
    ],
)
def test_an_address_of_another_form_is_refused_before_anything_runs(runner, spec, option, value, why):
    said = runner("run", spec(PUT), option, value)
    assert (said.status, said.out) == (2, "")
    assert why in said.err
    assert runner("job", "list", "-o", "json").document == []


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("", "--output has no value"),
        ("store/x", "lies in the store itself"),
        ("labresults/units.json", "is a file"),
        ("labresults/units.json/x", "is a file"),
        ("labresults", "would import what this one wrote"),
        ("labresults/new/x", "would import what this one wrote"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_runs(runner, spec, labresults, output, why):
    before = sorted(labresults.rglob("*"))
    said = runner("run", spec(PUT), "--input", f"labresults={labresults}", "--output", output)
    assert (said.status, said.out) == (2, "")
    assert why in said.err
    assert runner("job", "list", "-o", "json").document == []
    assert sorted(labresults.rglob("*")) == before


def test_its_story_can_be_told_in_many_ways(runner, spec, tmp_path):
    said = runner("run", spec(PUT), "--output", str(tmp_path / "out"), "-o", "json")
    id_ = said.document["job"]["id"]
    assert said.document["state"] == "JOB_SUCCESS"
    assert said.document["reads"] == [
        {"name": "labresults", "objectsRead": 1, "objectsTotal": 3, "bytesRead": 3, "keysAbsent": []}
    ]
    assert (tmp_path / "out" / "copy.json").read_text() == "xxx"

    listed = runner("job", "list", "-o", "json").document
    assert [(each["job"]["id"], each["status"]) for each in listed] == [(id_, 0)]
    inspected = runner("job", "inspect", id_[:8])
    assert all(fact in inspected.out for fact in ("✓ succeeded, status 0", "1 processed of 1", "1 of 3", "exited 0"))
    assert runner("job", "inspect", id_, "-o", "json").document == said.document
    assert runner("job", "logs", f"lab_summary@{id_}").out.splitlines() in (
        ["copied", "careful"],
        ["careful", "copied"],
    )
    assert "job.sealed" in runner("job", "logs", id_, "--system").out
    assert json.loads(runner("job", "logs", id_, "--raw", "-f").out.splitlines()[0])["event"] == "job.started"
    assert runner("job", "wait", id_).status == 0
    assert runner("commit", "inspect", "lab_summary@master", "-o", "json").document["commit"]["id"] == id_
    assert runner("datum", "list", id_, "-o", "json").document[0]["state"] == "SUCCESS"
    datum = runner("datum", "list", id_, "-o", "json").document[0]["datum"]["id"]
    assert "exited 0" in runner("datum", "inspect", id_, datum[:8]).out
    shown = runner("provenance", "show", "lab_summary@master:/copy.json").out
    assert "read 1 of 3 objects" in shown
    assert "└─ units.json         3 B  whole" in shown
    assert f"used by\n└─ ✓ lab_summary job {id_}" in runner("provenance", "show", "labresults@master").out
    assert "  read it" in runner("provenance", "show", "labresults@master:/units.json").out
    assert "  did not read it" in runner("provenance", "show", "labresults@master:/2026/ward-03/hba1c.csv").out
    record = runner("provenance", "show", f"lab_summary@{id_}", "-o", "json").document
    assert record["job"]["id"] == id_
    assert runner("pipeline", "list", "-o", "json").document[0]["lastJobState"] == "JOB_SUCCESS"
    assert runner("pipeline", "inspect", "lab_summary", "-o", "json").document["details"]["datumTries"] == 1
    assert '"datumTries": 1' in runner("pipeline", "inspect", "lab_summary").out
    assert runner("store", "check").status == 0
    assert runner("store", "check", "-o", "json").document["sound"] is True


def test_a_failure_is_1_and_what_it_wrote_can_be_looked_at(runner, spec):
    said = runner("run", spec(f"{PUT}\necho 'KeyError: ward_code' >&2\nexit 3"), "--tries", "2")
    assert said.status == 1
    address = said.out.strip()
    document = runner("job", "inspect", address, "-o", "json").document
    assert document["state"] == "JOB_FAILURE"
    assert document["reason"] == "sh exited 3 on try 2 of 2: KeyError: ward_code"
    assert [attempt["status"] for attempt in document["attempts"]] == [3, 3]
    assert document["quarantined"]["state"] == "QUARANTINED"
    assert "copy.json" in runner("file", "list", address).out
    assert runner("job", "wait", address).status == 1
    assert runner("branch", "inspect", "lab_summary@master", "-o", "json").document.get("head") is None
    assert runner("job", "list", "--state", "failure", "-o", "json").document[0]["status"] == 1


def test_an_empty_input_runs_nothing_and_succeeds(runner, spec, tmp_path):
    (tmp_path / "empty").mkdir()
    said = runner("run", spec("exit 1"), "--input", f"labresults={tmp_path / 'empty'}", "-o", "json")
    assert said.status == 0
    assert said.document["dataTotal"] == 0
    assert "empty" in said.err


def test_plain_lines_where_ci_is_set(runner, spec, monkeypatch):
    monkeypatch.setenv("CI", "true")
    lines = runner("run", spec(PUT)).err.splitlines()
    kinds = {line.split()[1] for line in lines}
    assert {"info", "out", "err"} <= kinds
    assert any("job.succeeded" in line for line in lines)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["none.json"], "there is no file none.json"),
        (["{spec}", "--input", "labresult=x"], "did you mean 'labresults'?"),
        (["{spec}", "--input", "labresults"], "write --input NAME=SOURCE"),
        (["{spec}", "-i", "labresults=a@b", "-i", "labresults=c@d"], "given twice"),
        (["{spec}", "--secret", "db=file"], "write --secret NAME/KEY=FILE"),
        (["{spec}", "--timeout", "soon"], "'soon' is no duration"),
        (["{spec}", "--tries", "0"], "--tries"),
        (["{spec}", "--input", "labresults=nowhere@master"], "nowhere"),
    ],
)
def test_wrong_usage_is_2_and_a_sentence_and_nothing_ran(runner, spec, argv, sentence):
    said = runner("run", *(part.format(spec=spec("true")) for part in argv))
    assert (said.status, said.out) == (2, "")
    assert sentence in said.err
    assert runner("job", "list", "-o", "json").document == []


def test_problems_of_a_spec_are_shown_with_their_places(runner, spec):
    path = spec("true", input={"pfs": {"repo": "labresults", "glob": "/*", "s3": True}})
    said = runner("run", path)
    assert said.status == 2
    assert f"✗ {path}:1:" in said.err
    assert "nothing ran, exit status 2" in said.err


def test_one_word_that_names_several_jobs_lists_them(runner):
    said = runner("job", "inspect", "deadbeef")
    assert said.status == 2
    assert "there is no job deadbeef" in said.err


class Pty:
    """A terminal of so many columns, and what is seen on it."""

    def __init__(self, columns):
        self.seen = Terminal(columns)
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def read(self):
        """Take what was written; False: all writers are gone."""
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # that is how Linux says it
            return False
        self.seen.feed(data.replace(b"\r\n", b"\n"))
        return bool(data)

    def read_all(self):
        while self.read():
            pass
        os.close(self._master)


@pytest.fixture
def on_terminal(runner, monkeypatch):
    """Run a command in this process with both streams on a terminal; return its status and the terminal."""

    def run(columns, *argv):
        shown = Pty(columns)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        reader = threading.Thread(target=shown.read_all)
        reader.start()
        with os.fdopen(shown.slave, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            patch.setattr("sys.stderr", stream)
            status = execute(argv)
        reader.join()
        return status, shown.seen

    return run


@pytest.mark.parametrize("columns", [100, 60])
def test_on_a_terminal_a_run_ends_with_user_lines_and_five_lines(on_terminal, spec, columns):
    status, seen = on_terminal(columns, "run", spec(f"{PUT}\nsleep 0.5"))
    assert status == 0
    lines = seen.lines
    assert set(lines[:-5]) == {"  copied", "e careful"}
    assert lines[-5].startswith("✓ succeeded  lab_summary ")
    assert [line.split()[0] for line in lines[-4:]] == ["out", "read", "unread", "next"]
    assert lines[-1] == "  next   runner provenance show lab_summary@master"
    assert "● running" in seen.raw
    assert max(map(len, lines)) <= columns
    assert "\x1b[?1049h" not in seen.raw  # never the alternate screen


def test_a_failure_names_the_object_that_was_new(runner, on_terminal, spec, labresults):
    assert runner("run", spec(PUT)).status == 0
    (labresults / "units.json").write_text("broken")
    status, seen = on_terminal(100, "run", spec(f"{PUT}\nexit 1"), "--input", f"labresults={labresults}")
    assert status == 1
    lines = seen.lines[-5:]
    assert lines[0].startswith("✗ failed  lab_summary")
    assert lines[1].startswith("  why    sh exited 1 on try 1 of 1: careful")
    assert lines[2] == "  at     labresults/units.json  last object read; changed since the last success"
    assert "1 object quarantined, 6 B" in lines[3]
    assert lines[4].startswith("  next   runner job logs lab_summary@")


def test_ctrl_c_stops_the_job_and_says_so(runner, spec, tmp_path):
    shown = Pty(100)
    environ = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR"}}
    environ |= {"RUNNER_STORE": str(tmp_path / "store"), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "runner", "run", spec("echo begun; sleep 60")]
    streams = {"stdin": shown.slave, "stdout": shown.slave, "stderr": shown.slave}
    with subprocess.Popen(command, env=environ, start_new_session=True, **streams) as process:
        os.close(shown.slave)
        while "begun" not in shown.seen.raw:
            assert shown.read()
        process.send_signal(signal.SIGINT)
        shown.read_all()
    assert process.returncode == 130
    lines = shown.seen.lines
    assert lines[-5].startswith("■ stopped  lab_summary ")
    assert [line.split()[0] for line in lines[-4:]] == ["why", "at", "kept", "next"]
    assert "lab_summary@master has no commit yet" in lines[-2]


def test_a_pod_runs_the_image_that_its_spec_names_and_is_not_told_otherwise(runner, labresults, spec, monkeypatch):
    path = spec("true", transform={"cmd": ["true"], "image": "example.com/labs"})
    for is_pod in (False, True):
        if is_pod:
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        said = runner("run", path, "--input", f"labresults={labresults}")
        assert said.status == 0
        assert ("not in an image" in said.err) is not is_pod
        assert "names no tag" in said.err


def test_provenance_is_walked_through_all_jobs_both_ways_and_each_is_told_once(runner, labresults, spec):
    """A diamond: labresults, then left and right, which are the same, and both again."""
    copy = "curl -sf $S3_ENDPOINT/{0}/units.json | curl -sf -T - $S3_ENDPOINT/out/units.json"
    assert runner("run", spec(copy.format("labresults"), "first"), "--input", f"labresults={labresults}").status == 0
    for name in ("left", "right"):
        given = {"input": {"pfs": {"repo": "first", "glob": "/", "s3": True}}}
        assert runner("run", spec(copy.format("first"), name, **given)).status == 0
    both = {"cross": [{"pfs": {"repo": name, "glob": "/", "s3": True}} for name in ("left", "right")]}
    assert runner("run", spec(copy.format("left"), "last", input=both)).status == 0
    lines = [line.strip("│├└─ ").split() for line in runner("provenance", "show", "last@master").out.splitlines()]
    told = [words[1] if words[0] == "✓" else words[0].partition("@")[0] for words in lines]
    upstream = ["last", "last", "left", "units.json", "left", "first", "first", "labresults"]
    assert told == [*upstream, "right", "right", "first", "as"]
    shown = runner("provenance", "show", "labresults@master")
    lines = [line.strip("│├└─ ").split() for line in shown.out.splitlines()]
    told = [words[1] if words[0] == "✓" else words[0].partition("@")[0] for words in lines]
    assert told[:5] == ["labresults", "written", "used", "first", "first"]
    assert sorted(told[5:]) == ["last", "last", "last", "last", "left", "left", "right", "right"]
    near = runner("provenance", "show", "labresults@master", "--depth", "1").out
    assert "--depth shows more" in near
    assert "left" not in near
    assert "--depth shows more" in runner("provenance", "show", "last@master", "--depth", "1").out
