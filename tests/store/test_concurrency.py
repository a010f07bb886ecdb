from __future__ import annotations

import subprocess
import sys

import pytest
import trio

from runner.store import open_store
from runner.store.history import commits
from runner.store.jobs import jobs
from tests.store.crashing import value
from tests.store.killing import ROOT, keys_of
from tests.store.world import commit_objects

PROGRAM = "import sys, trio\nfrom tests.store.crashing import main\ntrio.run(main, sys.argv[1], 3, 25)"


async def run(command) -> None:
    await trio.run_process(command, stdout=subprocess.DEVNULL, cwd=ROOT)


@pytest.mark.sqlite
async def test_two_processes_on_one_branch_make_one_history_of_whole_commits(tmp_path):
    folder = tmp_path / "store"
    async with open_store(folder) as store:
        await commit_objects(store, {b"a": b"1"})
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(run, [sys.executable, "-c", PROGRAM, str(folder)])
        history = await commits.list_commits(store, "default", "double", "master")
        assert len(history) == len(await jobs.list_jobs(store, "default")) == 6
        assert [commit.parent for commit in history] == [commit.id for commit in history[1:]] + [None]
        for commit in history:
            assert await keys_of(store, commit) == {f"{commit.id[:8]}/{number}" for number in range(25)}
            assert commit.size_bytes == sum(len(value(f"{commit.id[:8]}/{number}")) for number in range(25))
