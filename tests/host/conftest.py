from collections.abc import Sequence

import pytest

from runner.host.process import NO_ISOLATION, Isolation, find_isolation


class Heard:
    """Collects lines by stream."""

    def __init__(self) -> None:
        self.stdout: list[str] = []
        self.stderr: list[str] = []

    async def __call__(self, stream: str, lines: Sequence[str]) -> None:
        getattr(self, stream).extend(lines)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=["isolated as permitted", "not isolated"])
async def isolation(request) -> Isolation:
    """What this machine permits, and the least that any machine does."""
    return await find_isolation() if request.param == "isolated as permitted" else NO_ISOLATION
