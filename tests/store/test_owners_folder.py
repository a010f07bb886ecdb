from __future__ import annotations

import fcntl
import subprocess
import sys

import pytest

from runner.store.owners.folder import FolderOwners, LockRefused
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

    async def test_a_file_that_a_dead_owner_left_is_removed(self, owners, holder, tmp_path):
        (tmp_path / "locks" / "writer").touch()
        owners.forget_dead()
        assert {path.name for path in (tmp_path / "locks").iterdir()} == {"a", "writer"}
        holder.kill()
        holder.wait()
        owners.forget_dead()
        assert [path.name for path in (tmp_path / "locks").iterdir()] == ["writer"]

    async def test_a_name_has_one_owner_whoever_looked_at_it_meanwhile(self, owners, others, tmp_path, monkeypatch):
        """A file was opened, then its owner removed it, then it was locked: another file had the name by then."""
        first = await owners.take("a")
        flock = fcntl.flock

        def let_go_first(fd, how):
            monkeypatch.setattr(fcntl, "flock", flock)
            first.let_go()
            flock(fd, how)

        monkeypatch.setattr(fcntl, "flock", let_go_first)
        second = await others.take("a")
        assert second is not None
        assert await owners.take("a") is None
        await second.release()

    async def test_a_lock_that_cannot_be_made_or_removed_is_no_mistake_of_ours(self, owners, tmp_path):
        owner = await owners.take("a")
        (tmp_path / "locks").rename(tmp_path / "gone")
        with pytest.raises(LockRefused, match="a lock cannot be taken"):
            await owners.take("b")
        with pytest.raises(LockRefused):
            owners.forget_dead()
        await owner.release()
