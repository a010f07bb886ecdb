"""The suite of the store on PostgreSQL, in a pytest of their own: `tests/databases.py` gives each store a database."""

import os
import subprocess
import sys

import pytest

from tests import databases
from tests.system.installed import ROOT

SECONDS = 1200
_TOO_LONG = ("test_histories.py", "test_session_stateful.py")  # a new store for each of hundreds of examples


@pytest.mark.timeout(SECONDS)
def test_the_suite_of_the_store_is_green_on_postgresql(postgres):
    server = postgres.url("postgres")
    databases.make_template(server)
    without = [f"--ignore=tests/store/{name}" for name in _TOO_LONG]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--numprocesses=2", "--tb=native", "tests/store", *without],
        cwd=ROOT,
        env=os.environ | {"RUNNER_TEST_STORE": server},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
