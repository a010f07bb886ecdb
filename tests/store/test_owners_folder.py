from __future__ import annotations

import subprocess
import sys

import pytest

from runner.store.owners.folder import FolderOwners
from tests.store.contract_owners import OwnersContract

HOLD = """
import sys, time, trio
from pathlib import Path
from runner.store.owners.folder import FolderOwners

async def main():
    assert await FolderOwners(Path(sys.argv[1])).take("a") is not None
    print("held", flush=True)
    await trio.sleep_forever()

trio.run(main)
"""


@pytest.fixture
def owners(tmp_path):
    (tmp_path / "locks").mkdir(exist_ok=True)
    return FolderOwners(tmp_path)


@pytest.fixture
def others(owners, tmp_path):
    return FolderOwners(tmp_path)


@pytest.fixture
def holder(owners, tmp_path):
    """Another process, which owns a."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


class TestFolderOwners(OwnersContract):
    async def test_a_process_that_dies_lets_go_at_once(self, owners, holder):
        assert await owners.is_held("a")
        holder.kill()
        holder.wait()
        assert not await owners.is_held("a")

    async def test_nothing_is_left_behind(self, owners, tmp_path):
        owner = await owners.take("a")
        await owner.release()
        assert not await owners.is_held("b")
        assert list((tmp_path / "locks").iterdir()) == []
