"""The suites of what stands on the store, on PostgreSQL: each in a pytest of its own, with `tests/databases.py`."""

import os
import subprocess
import sys

import pytest

from tests import databases
from tests.system.installed import ROOT

SECONDS = 1200
_TOO_LONG = ("test_histories.py", "test_session_stateful.py")  # a new store for each of hundreds of examples


@pytest.fixture(scope="module")
def server(postgres):
    """Return the URL of a server that has the store that all others begin as."""
    url = postgres.url("postgres")
    databases.make_template(url)
    return url


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("room", ["store", "gateway", "job", "supervisor"])
def test_the_suite_of_a_room_is_green_on_postgresql(server, tmp_path, room):
    without = [f"--ignore=tests/store/{name}" for name in _TOO_LONG]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--numprocesses=2", "--tb=native", f"tests/{room}", *without],
        cwd=ROOT,
        env=os.environ | {"RUNNER_TEST_STORE": server, "RUNNER_STORAGE_HOSTS": str(tmp_path / "hosts")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
