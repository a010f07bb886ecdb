from __future__ import annotations

import pytest

from runner.store import open_store


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as opened:
        yield opened
