"""What every test starts from."""

import signal
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    """Undo what a job that ran in this process told structlog: its log has gone with it."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _usual_signals() -> Iterator[None]:
    """Undo what a command that ran in this process left: a runner hears no signal once its outcome stands."""
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in usual.items():
        signal.signal(number, handler)
