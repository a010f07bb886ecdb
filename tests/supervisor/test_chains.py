"""Chains and diamonds of pipelines, run by workers that share a store: each commit goes through all of them, once."""

from __future__ import annotations

import signal
import subprocess
from contextlib import ExitStack

import pytest
import trio

from runner.model.address import parse
from runner.model.job import JobState
from runner.store import files, open_store
from runner.store.check import check_store
from runner.store.history import commits
from tests.supervisor.worker import Worker, ended, runner, spec, until

APPEND = """
import os, time, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
lines = urllib.request.urlopen(f"{endpoint}/%s/lines").read()
while not os.path.exists(%r):
    time.sleep(0.02)
request = urllib.request.Request(f"{endpoint}/out/lines", data=lines + b"%s\\n", method="PUT")
urllib.request.urlopen(request).close()
"""
GATHER = """
import os, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
lines = b"".join(urllib.request.urlopen(f"{endpoint}/{name}/lines").read() for name in ("left", "right"))
urllib.request.urlopen(urllib.request.Request(f"{endpoint}/out/lines", data=lines + b"end\\n", method="PUT")).close()
"""
NAMES = ("p1", "p2", "p3", "p4", "p5")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def append(tmp_path, name, reads, line=None, until="/"):
    """Write the spec of a pipeline that appends a line, once a file is there."""
    return spec(tmp_path, name, reads, APPEND % (reads, str(until), line or name))


@pytest.fixture
def chain(tmp_path):
    """Five pipelines, each of which reads the one before it."""
    return [append(tmp_path, name, reads) for name, reads in zip(NAMES, ("data", *NAMES), strict=False)]


def put(folder, tmp_path, *, deaf=False):
    """Feed the pipelines with an empty file, by one command."""
    (tmp_path / "lines").write_bytes(b"")
    command = runner(folder, "file", "put", tmp_path / "lines", "data@master", deaf=deaf)
    subprocess.run(command, check=True, capture_output=True)


async def lines_of(folder, repo):
    async with open_store(folder) as store:
        reader = await files.bucket_of(store, await commits.resolve(store, parse(f"{repo}@master"))).get(b"lines")
        assert (await check_store(store)).problems == []
        return b"".join([piece async for piece in reader.read(0, reader.entry.size)]).decode().split()


async def check_chain(folder, found, lines=NAMES):
    assert [job.key.pipeline for job in found] == list(NAMES)
    assert {job.state for job in found} == {JobState.SUCCESS}
    assert len({job.key.id for job in found}) == 1
    assert await lines_of(folder, "p5") == list(lines)


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_commit_goes_through_a_chain_of_five_under_one_id(folder, tmp_path, chain, workers):
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(Worker(folder, *chain))
        put(folder, tmp_path)
        await check_chain(folder, await until(folder, ended(5)))


async def test_a_worker_that_is_killed_in_the_middle_changes_nothing(folder, tmp_path, chain):
    append(tmp_path, "p3", "p2", until=tmp_path / "go")
    with Worker(folder, *chain) as first:
        put(folder, tmp_path)
        await until(folder, lambda found: len(found) == 5 and found[2].state is JobState.RUNNING)
        with Worker(folder, *chain, worker_reconcile_seconds=0.5):
            first.end(signal.SIGKILL)
            (tmp_path / "go").touch()
            found = await until(folder, ended(5))
    await check_chain(folder, found)
    assert [job.restarts for job in found] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("moment", ["before", "during"])
async def test_a_pipeline_that_is_updated_in_between_goes_on_by_the_new_spec_under_the_same_id(
    folder, tmp_path, chain, moment
):
    slow = {"before": "p1", "during": "p3"}[moment]
    append(tmp_path, slow, {"p1": "data", "p3": "p2"}[slow], until=tmp_path / "go")
    with Worker(folder, *chain), Worker(folder, *chain):
        put(folder, tmp_path)
        state = JobState.CREATED if moment == "before" else JobState.RUNNING
        await until(folder, lambda found: len(found) == 5 and found[2].state is state)
        command = runner(folder, "pipeline", "update", append(tmp_path, "p3", "p2", line="new"))
        await trio.run_process(command, capture_stderr=True)
        if moment == "before":
            (tmp_path / "go").touch()
        found = await until(folder, ended(5))
    await check_chain(folder, found, ("p1", "p2", "new", "p4", "p5"))
    assert (found[2].version, found[2].restarts) == (2, int(moment == "during"))


async def test_hints_that_are_all_lost_make_it_slower_and_no_different(folder, tmp_path, chain):
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(Worker(folder, *chain, deaf=True, worker_reconcile_seconds=0.3))
        put(folder, tmp_path, deaf=True)
        await check_chain(folder, await until(folder, ended(5)))


def states_of(found, name):
    return [job.state for job in found if job.key.pipeline == name]


async def test_the_end_of_a_diamond_runs_once_after_both_sides(folder, tmp_path):
    specs = [
        append(tmp_path, "top", "data"),
        append(tmp_path, "left", "top"),
        append(tmp_path, "right", "top", until=tmp_path / "go"),
        spec(tmp_path, "end", "left right", GATHER),
    ]
    with Worker(folder, *specs), Worker(folder, *specs):
        put(folder, tmp_path)
        await until(folder, lambda found: JobState.SUCCESS in states_of(found, "left"))
        assert states_of(found := await until(folder, bool), "end") == [JobState.CREATED], found
        (tmp_path / "go").touch()
        found = await until(folder, ended(4))
    assert {job.state for job in found} == {JobState.SUCCESS}
    assert len({job.key.id for job in found}) == 1
    assert await lines_of(folder, "end") == ["top", "left", "top", "right", "end"]
    end = next(job for job in found if job.key.pipeline == "end")
    sides = [job for job in found if job.key.pipeline in {"left", "right"}]
    assert all(side.finished <= end.started for side in sides)
