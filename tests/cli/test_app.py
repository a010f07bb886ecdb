import os
import signal
import subprocess
import sys

import pytest

from runner import __version__
from runner.cli import app
from runner.cli.lazy import Lazy
from runner.cli.options import Command
from runner.model.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable


def test_version_and_help(runner):
    assert runner("--version").out == f"runner {__version__}\n"
    help_ = runner("--help")
    assert help_.status == 0
    assert all(f"  {name} " in help_.out for name in app.COMMANDS)
    assert "Options of every command:" in runner("repo", "list", "--help").out


def test_without_a_command_it_shows_its_help_as_wrong_usage(runner):
    said = runner()
    assert (said.status, said.out) == (2, "")
    assert "Usage: runner" in said.err


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["jbo"], "'job'"),
        (["repo", "inspct", "x"], "'inspect'"),
        (["repo", "list", "--projct", "x"], "'--project'"),
        (["-o", "jsn", "repo", "list"], "'json'"),
    ],
)
def test_a_slip_gets_the_nearest_name_and_status_2(runner, argv, meant):
    said = runner(*argv)
    assert (said.status, said.out) == (2, "")
    assert meant in said.err
    assert said.err.startswith("✗ ")
    assert "--help says more" in said.err


def test_every_command_can_be_imported_and_says_what_it_does(runner):
    for name in app.COMMANDS:
        said = runner(name, "--help")
        assert said.status == 0, name
        assert "Usage: runner" in said.out


def test_an_error_that_names_many_things_has_a_line_for_each(runner, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "a\nb").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    said = runner("file", "put", "-r", str(folder), "odd@master")
    assert said.status == 2
    assert said.err.splitlines()[1:3] == ["  'a\\nb': is a symbolic link to nothing", "  pipe: is no regular file"]


def test_plurals_are_accepted(runner):
    assert runner("repos", "list", "-o", "json").document == []
    assert runner("branches", "list", "x").status == 2


def test_global_options_count_before_and_after_the_command(runner):
    assert runner("-o", "json", "repo", "list").document == []
    assert runner("repo", "-o", "json", "list").status == 2
    assert runner("repo", "list", "-o", "json").document == []


def _failing(error):
    def fail():
        raise error

    return Command("fail", callback=fail)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("the setting is wrong", hint="write another"), 2),
        (NotFound("it is not there"), 2),
        (Conflict("somebody was faster"), 3),
        (Corrupt("bytes do not match"), 4),
        (Unavailable("the disk is full"), 75),
        (ExceptionGroup("tasks", [ExceptionGroup("more", [Unavailable("the disk is full")])]), 75),
        (ExceptionGroup("tasks", [Unavailable("the disk is full"), Corrupt("bytes do not match")]), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_is_one_sentence_and_the_status_of_its_kind(runner, monkeypatch, error, status):
    monkeypatch.setitem(app.COMMANDS, "fail", Lazy("fail:fail", "Test", "Fails."))
    monkeypatch.setattr(app.root, "get_command", lambda _ctx, _name: _failing(error))
    said = runner("fail")
    assert said.status == status
    assert said.out == ""
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == 1 + bool(getattr(error, "hint", ""))


def test_our_own_bug_is_70_and_its_traceback_is_kept(runner, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(app.root, "get_command", lambda _ctx, _name: _failing(KeyError("gone")))
    said = runner("fail")
    assert said.status == 70
    assert "runner met a bug of its own: KeyError: 'gone'" in said.err
    assert "Traceback" not in said.err
    (kept,) = tmp_path.glob("runner-bug-*.txt")
    assert str(kept) in said.err
    assert "KeyError: 'gone'" in kept.read_text()
    assert "Traceback" in runner("-v", "fail").err


def test_the_last_sentence_is_left_where_kubernetes_looks(tmp_path):
    from runner.cli.report import leave_last_words

    place = tmp_path / "termination-log"
    leave_last_words("nobody asked", place)
    assert not place.exists()
    place.touch()
    leave_last_words("lab_summary failed", place)
    assert place.read_text() == "lab_summary failed"


def test_help_imports_little():
    code = "import sys; from runner.cli.app import execute; execute(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"rich", "sqlalchemy", "trio", "quart", "pydantic", "alembic"} & set(
        done.stdout.splitlines()[-1].split()
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(runner, shell):
    said = runner("completion", shell)
    assert said.status == 0
    assert "_RUNNER_COMPLETE" in said.out


def _start(tmp_path, *argv, **streams):
    environ = os.environ | {"RUNNER_STORE": str(tmp_path / "store")}
    return subprocess.Popen([sys.executable, "-m", "runner", *argv], env=environ, **streams)


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    reads, writes = os.pipe()
    os.close(reads)
    with _start(tmp_path, "config", "show", stdout=writes, stderr=subprocess.PIPE) as process:
        os.close(writes)
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_ctrl_c_ends_a_command_with_130(tmp_path):
    put = ("file", "put", "-", "labresults@master:/a")
    with _start(tmp_path, *put, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Larger than any pipe: once it is taken, the command is reading.
        process.stdin.write(b"x" * (1 << 20))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read().decode() == "■ stopped by Ctrl-C\n"


def test_arguments_that_are_no_text_are_a_mistake_and_no_bug(runner):
    bad = b"bad \xff".decode(errors="surrogateescape")
    for words in (
        ("repo", "create", "data", "--description", bad),
        ("--project", bad, "repo", "list"),
        ("repo", "create", bad),
        ("file", "glob", f"data@master:/{bad}"),
    ):
        assert runner(*words).status == 2, words
    assert runner("repo", "list", "-o", "json").document == []


def test_help_lists_options_and_no_bare_arguments(runner):
    said = runner("commit", "diff", "--help").out
    assert "Usage: runner commit diff [OPTIONS] BEFORE [AFTER]" in said
    assert "--prefix" in said
    assert "\n  BEFORE" not in said
