from __future__ import annotations

import pytest
from obstore.store import MemoryStore

from runner.store.blobs.mark import claim
from runner.store.blobs.remote import RemoteBlobs
from tests.store.contract_blobs import BackendContract

STORE = "0123456789abcdef" * 2
URL = "memory://blobs"


@pytest.fixture
def client():
    return MemoryStore()


@pytest.fixture
def blobs(client):
    claim(lambda: client, URL, STORE)
    return RemoteBlobs(URL, lambda: client, STORE)


class TestRemote(BackendContract):
    pass
