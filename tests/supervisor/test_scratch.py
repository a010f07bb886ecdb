import sys

import pytest
import trio

from runner.job.scratch import ScratchRefused
from runner.supervisor.scratch import open_scratch

_DIE_INSIDE = """
import os, sys, trio
from pathlib import Path
from runner.supervisor.scratch import open_scratch

async def main():
    async with open_scratch(Path(sys.argv[1])) as folder:
        (folder / "left").write_text("x")
        os._exit(9)

trio.run(main)
"""


async def test_the_folder_is_fresh_and_gone_afterwards(tmp_path):
    async with open_scratch(tmp_path / "scratch") as folder:
        (folder / "file").write_text("x")
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_the_folder_goes_also_when_the_block_fails(tmp_path):
    with pytest.raises(ZeroDivisionError):
        async with open_scratch(tmp_path):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


async def test_what_a_dead_process_left_is_removed_by_the_next_one(tmp_path):
    died = await trio.run_process([sys.executable, "-c", _DIE_INSIDE, str(tmp_path)], check=False)
    assert died.returncode == 9
    (left,) = tmp_path.iterdir()
    async with open_scratch(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
        assert folder != left


async def test_what_a_living_process_holds_stays(tmp_path):
    async with open_scratch(tmp_path) as first, open_scratch(tmp_path) as second:
        assert first.exists()
        assert second.exists()


async def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ScratchRefused, match="cannot be used: Not a directory"):
        async with open_scratch(tmp_path / "file" / "scratch"):
            pass
