import itertools
import sys
from pathlib import Path

import pytest

from runner.host import settings
from runner.host.home import NoHome
from runner.host.settings import SettingInvalid, resolve, variable_of


@pytest.fixture
def world(tmp_path):
    """Resolve in an empty folder, without a user's own files."""

    def resolved(flags=None, config=None, **environ):
        environ = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": "/data"} | environ
        return resolve(flags or {}, config, environ=environ, folder=tmp_path)

    return resolved


def origin(resolved, name):
    return next(value.origin for value in resolved.values if value.name == name)


def test_every_setting_has_a_default_and_nothing_else_stands_in_the_shipped_file(world):
    resolved = world()
    assert {value.origin for value in resolved.values} == {"default"}
    assert resolved.settings.store == Path("/data/runner")
    assert resolved.settings.gateway.idle_seconds == 60.0
    assert resolved.settings.secrets.folder is None


def test_every_setting_of_the_shipped_file_has_its_reason_above_it():
    lines = settings.shipped_file().read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if "=" in line and not line.startswith(("#", " ")):
            assert before.startswith("#"), line


def test_a_flag_wins_over_a_variable_over_a_file_over_the_default(world, tmp_path):
    (tmp_path / "runner.toml").write_text('project = "file"\n[job]\ninject = "compat"\ngrace_seconds = 1\n')
    resolved = world({"project": "flag"}, RUNNER_PROJECT="variable", RUNNER_JOB_INJECT="s3-only")
    assert resolved.settings.project == "flag"
    assert resolved.settings.job.inject == "s3-only"
    assert resolved.settings.job.grace_seconds == 1
    assert origin(resolved, "project") == "--project"
    assert origin(resolved, "job.inject") == "RUNNER_JOB_INJECT"
    assert origin(resolved, "job.grace_seconds") == str(tmp_path / "runner.toml")
    assert origin(resolved, "job.hide") == "default"


def test_the_named_file_wins_over_the_one_here_over_the_users(world, tmp_path):
    (tmp_path / "config" / "runner").mkdir(parents=True)
    for name in ("named.toml", "variable.toml", "runner.toml", "config/runner/runner.toml"):
        (tmp_path / name).write_text(f'project = "{name}"\n')
    variable = str(tmp_path / "variable.toml")
    assert world(config=tmp_path / "named.toml", RUNNER_CONFIG=variable).settings.project == "named.toml"
    assert world(RUNNER_CONFIG=variable).settings.project == "variable.toml"
    assert world().settings.project == "runner.toml"
    (tmp_path / "runner.toml").unlink()
    assert world().settings.project == "config/runner/runner.toml"


def test_a_named_file_must_be_there(world):
    with pytest.raises(SettingInvalid, match=r"/no/such\.toml is not there"):
        world(config="/no/such.toml")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[job]\ngrace_second = 1\n", "no setting job.grace_second", "did you mean job.grace_seconds?"),
        ("proyect = 'a'\n", "no setting proyect", "did you mean project?"),
        ("[job]\ninject = 'some'\n", "job.inject cannot be 'some'", "give all or s3-only or compat"),
        ("[job]\ngrace_seconds = -1\n", "job.grace_seconds cannot be -1", "give a number"),
        ("[job]\ncore_bytes = 1.5\n", "job.core_bytes cannot be 1.5", "give a whole number"),
        ("[auth]\nenabled = 'perhaps'\n", "auth.enabled cannot be 'perhaps'", "give true or false"),
        ("[job]\nhide = [1]\n", "job.hide cannot be", "give a list of words"),
        ("project = 1\n", "project cannot be 1", "give text"),
        (
            "store = 'mysql://db/x'\n",
            "the URL of the store cannot be read",
            "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or a folder; object stores are for --blobs",
        ),
        ("project = \n", "cannot be read", ""),
    ],
)
def test_a_wrong_file_is_named_with_what_to_write_instead(world, tmp_path, text, message, hint):
    (tmp_path / "runner.toml").write_text(text)
    with pytest.raises(SettingInvalid) as caught:
        world()
    assert str(tmp_path / "runner.toml") in caught.value.message
    assert message in caught.value.message
    assert caught.value.hint == hint


def test_a_wrong_variable_is_named(world):
    with pytest.raises(SettingInvalid, match=r"RUNNER_GATEWAY_IDLE_SECONDS: gateway\.idle_seconds cannot be 'soon'"):
        world(RUNNER_GATEWAY_IDLE_SECONDS="soon")


def test_variables_speak_as_people_do(world):
    resolved = world(RUNNER_AUTH_ENABLED="yes", RUNNER_JOB_HIDE="A, B_*", RUNNER_JOB_CORE_BYTES="7")
    assert resolved.settings.auth.enabled is True
    assert resolved.settings.job.hide == ("A", "B_*")
    assert resolved.settings.job.core_bytes == 7


def test_unknown_variables_are_ignored_and_listed(world):
    assert world(RUNNER_OS="Linux", RUNNER_NONSENSE="1").ignored == ["RUNNER_NONSENSE", "RUNNER_OS"]


def test_no_setting_has_a_name_that_github_actions_sets(world):
    names = {variable_of(value.name) for value in world().values}
    assert not names & settings.TAKEN
    assert len(names) == len(world().values)


async def test_settings_are_read_without_heavy_imports():
    import trio

    program = "import sys, runner.host.settings; print({'trio', 'pydantic', 'structlog'} & set(sys.modules))"
    done = await trio.run_process([sys.executable, "-c", program], capture_stdout=True)
    assert done.stdout.strip() == b"set()"


def test_where_there_is_no_home_folder_the_store_must_be_said(monkeypatch, tmp_path):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)

    assert resolve({"store": "/data"}, None, environ={}, folder=tmp_path).settings.store == Path("/data")
    with pytest.raises(SettingInvalid, match="no home folder"):
        resolve({}, None, environ={}, folder=tmp_path)
    with pytest.raises(NoHome, match="~/data"):
        resolve({"store": "~/data"}, None, environ={}, folder=tmp_path)


@pytest.mark.parametrize("said", ["s3://bucket/x", "s3:/bucket", "postgresql:/db/x", "file:///data"])
def test_a_store_that_was_meant_for_a_url_is_never_a_folder_of_that_name(tmp_path, said):
    with pytest.raises(SettingInvalid, match="the URL of the store cannot be read"):
        resolve({"store": said}, None, environ={}, folder=tmp_path)
    assert resolve({"store": f"./{said}"}, None, environ={}, folder=tmp_path).settings.store == Path(said)


def test_the_password_of_a_store_is_in_no_text_of_the_settings(tmp_path):
    resolved = resolve({}, None, environ={"RUNNER_STORE": "postgresql://me:hunter2@db/x"}, folder=tmp_path)
    assert str(resolved.settings.store) == "postgresql://me@db/x"
    assert "hunter2" not in f"{resolved!r}{[str(each.value) for each in resolved.values]}"
    with pytest.raises(SettingInvalid) as caught:
        resolve({}, None, environ={"RUNNER_STORE": "postgres:/me:hunter2@db://x"}, folder=tmp_path)
    assert "hunter2" not in f"{caught.value!r}{caught.value.hint}"
