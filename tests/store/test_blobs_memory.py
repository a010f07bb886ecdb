from __future__ import annotations

import pytest

from runner.store.blobs.memory import MemoryBlobs
from tests.store.contract_blobs import HeldOpenContract


class TestMemory(HeldOpenContract):
    @pytest.fixture
    def blobs(self):
        return MemoryBlobs()
