"""What every test starts from."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    """Undo what a job that ran in this process told structlog: its log has gone with it."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
