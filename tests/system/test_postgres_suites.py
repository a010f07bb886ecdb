"""The suite of the store on PostgreSQL, in a pytest of their own: `tests/databases.py` gives each store a database."""

import pytest

from tests import databases

SECONDS = 1200
_TOO_LONG = ("test_histories.py", "test_session_stateful.py")  # a new store for each of hundreds of examples


@pytest.mark.timeout(SECONDS)
def test_the_suite_of_the_store_is_green_on_postgresql(postgres):
    without = [f"--ignore=tests/store/{name}" for name in _TOO_LONG]
    done = databases.run_tests(postgres.url("postgres"), "--numprocesses=2", "tests/store", *without)
    assert done.returncode == 0, done.stdout[-20_000:]
