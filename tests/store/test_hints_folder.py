from __future__ import annotations

import pytest

from runner.store.hints.folder import FolderHints
from tests.store.contract_hints import HintsContract


@pytest.fixture
def hints(tmp_path):
    return FolderHints(tmp_path)


@pytest.fixture
def others(hints, tmp_path):
    return FolderHints(tmp_path)


class TestFolderHints(HintsContract):
    async def test_who_ended_leaves_nothing(self, hints, tmp_path):
        async with hints.listen():
            (name,) = (tmp_path / "events").iterdir()
            (tmp_path / "events" / "dead").write_bytes(b"")
            hints.tell()
            assert set((tmp_path / "events").iterdir()) >= {name}
        assert name not in set((tmp_path / "events").iterdir())
