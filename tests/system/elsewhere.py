"""A plugin of pytest: a store that says nothing of its blobs keeps them in the object store that a variable names.

So suites that know nothing of object stores run on one, in a process of their own.
"""

import os
import secrets

import pytest

from runner.store.blobs import located

VARIABLE = "TEST_BLOBS"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch):
    """Each store has a prefix of its own, which it remembers."""
    canonical = located.canonical
    place = os.environ[VARIABLE]
    monkeypatch.setattr(
        located, "canonical", lambda said: canonical(said or f"{place}/{secrets.token_hex(8)}"), raising=True
    )
