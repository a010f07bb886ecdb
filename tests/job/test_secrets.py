import pytest

from runner.job.secrets import SecretHasNoPlace, SecretMissing, find_secrets
from runner.model.pipeline import Secret


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "db" / "..data").mkdir(parents=True)
    (tmp_path / "db" / "password").write_text("hunter2")
    return tmp_path


def find(*wanted, folder=None, given=None, can_mount=True):
    return find_secrets(wanted, folder=folder, given=given or {}, can_mount=can_mount)


def test_a_variable_gets_the_value_of_its_key(folder):
    secrets = find(Secret("db", "password", env_var="PASSWORD"), folder=folder)
    assert secrets.environment == {"PASSWORD": "hunter2"}
    assert secrets.values == ["hunter2"]


def test_a_given_file_wins_over_the_folder(folder, tmp_path):
    (tmp_path / "other").write_text("from the flag")
    given = {("db", "password"): tmp_path / "other"}
    assert find(Secret("db", "password", env_var="P"), folder=folder, given=given).environment == {"P": "from the flag"}


@pytest.mark.parametrize("secret", [Secret("db", "user", env_var="U"), Secret("nope", mount_path="/m")])
def test_a_missing_one_is_named_with_the_flag_that_gives_it(folder, secret):
    with pytest.raises(SecretMissing, match=secret.name) as caught:
        find(secret, folder=folder)
    assert f"--secret {secret.name}/{secret.key or 'KEY'}=FILE" in caught.value.hint


def test_a_mounted_one_appears_file_by_file(folder, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    secrets = find(Secret("db", mount_path=str(target)), folder=folder)
    assert secrets.mounts == [(folder / "db" / "password", str(target / "password"))]
    assert secrets.values == ["hunter2"]


def test_a_pods_own_mount_is_left_as_it_is(folder):
    assert find(Secret("db", mount_path=str(folder / "db")), folder=folder, can_mount=False).mounts == []


def test_where_nothing_can_be_mounted_it_is_refused_before_anything_runs(folder, tmp_path):
    with pytest.raises(SecretHasNoPlace, match="db"):
        find(Secret("db", mount_path=str(tmp_path / "missing")), folder=folder)
