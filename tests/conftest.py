"""What every test starts from."""

import signal
from collections.abc import Iterator

import pytest
import structlog

from tests import databases


def pytest_configure() -> None:
    databases.configure()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    databases.leave_out(config, items)


@pytest.hookimpl(tryfirst=True)  # before there are any fixtures
def pytest_runtest_setup(item: pytest.Item) -> None:
    databases.put_blobs(in_files=item.get_closest_marker("files") is not None)


@pytest.fixture(autouse=True)
def _databases_are_given_back() -> Iterator[None]:
    yield
    databases.give_back()


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    """Undo what a job that ran in this process told structlog: its log has gone with it."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _usual_signals() -> Iterator[None]:
    """Hear Ctrl-C also where the tests run in the background of a shell, which has it ignored by all children.

    Afterwards it is heard again: a runner that ran in this process hears no signal once its outcome stands.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    for number, handler in usual.items():
        signal.signal(number, handler)
    yield
    for number, handler in usual.items():
        signal.signal(number, handler)
