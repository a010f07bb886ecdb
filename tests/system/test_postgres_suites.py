"""The suites of the rooms on the store, on PostgreSQL and S3: each in a pytest of its own, see `tests/databases.py`."""

import pytest

from tests import databases
from tests.system.objectstores import of_scheme, running

SECONDS = 1200
_TOO_LONG = ("test_histories.py", "test_session_stateful.py")  # a new store for each of hundreds of examples


@pytest.fixture(scope="module")
def blobs(built, tmp_path_factory):
    """Return the variables that lead to an object store."""
    with running(of_scheme("s3", built, tmp_path_factory.mktemp("s3"))) as store:
        yield {**store.environment, "RUNNER_TEST_BLOBS": store.place()}


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("room", ["store", "gateway", "job", "supervisor"])
def test_the_suite_of_a_room_is_green_on_postgresql_and_s3(postgres, blobs, tmp_path, room):
    words = ["--numprocesses=2", f"tests/{room}", *(f"--ignore=tests/store/{name}" for name in _TOO_LONG)]
    variables = blobs | {"RUNNER_STORAGE_HOSTS": str(tmp_path / "hosts")}
    done = databases.run_tests(postgres.url("postgres"), *words, **variables)
    assert done.returncode == 0, done.stdout[-20_000:]
