"""A worker is the same after 500 jobs as after 10."""

import json
import signal
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest
import trio

from runner.model.job import JobState
from runner.store import files, open_store
from runner.store.jobs import jobs
from tests.supervisor.worker import Worker

pytestmark = pytest.mark.timeout(1800)

JOBS = 500
SETTLED = 10
# The catalog's page cache fills while its tables grow, at most to its limit.
GROWTH_MIB = 6


@dataclass
class Size:
    """What a process holds."""

    memory_mib: float
    descriptors: int
    threads: int
    children: int


def _size(pid: int) -> Size:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Size(
        int(status["VmRSS"].split()[0]) / 1024,
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        int(status["Threads"]),
        len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()),
    )


async def _size_at_rest(pid: int) -> Size:
    """Return the least of each in two seconds: a job is told as ended a moment before the last of it is closed."""
    samples = []
    for _ in range(20):
        samples.append(_size(pid))
        await trio.sleep(0.1)
    return Size(*map(min, zip(*map(astuple, samples), strict=True)))


async def _run_one(store, news, source: Path, number: int) -> None:
    """Commit a file and wait until the job that this makes has succeeded."""
    (source / "number").write_text(str(number))
    commit, _ = await files.import_folder(store, source, "default", "data", "master")
    with trio.fail_after(120):
        while True:
            newest, *_ = await jobs.list_jobs(store, "default")
            if newest.key.id == commit.id and newest.state.is_terminal:
                assert newest.state is JobState.SUCCESS
                return
            with trio.move_on_after(1):
                await news.wait()


async def test_memory_descriptors_and_threads_are_as_after_the_tenth_job(tmp_path, figures) -> None:
    spec, source, folder = tmp_path / "cheap.json", tmp_path / "source", tmp_path / "store"
    source.mkdir()
    leaf = {"pfs": {"repo": "data", "glob": "/", "s3": True}}
    cheap = {"pipeline": {"name": "cheap"}, "input": leaf, "transform": {"cmd": ["true"]}, "s3_out": True}
    spec.write_text(json.dumps(cheap))
    sizes: dict[int, Size] = {}
    with Worker(folder, spec) as worker:
        async with open_store(folder) as store, store.hints.listen() as news:
            for number in range(1, JOBS + 1):
                await _run_one(store, news, source, number)
                if number in (SETTLED, 100, JOBS):
                    sizes[number] = await _size_at_rest(worker.process.pid)
        assert worker.end(signal.SIGTERM) == 0
    figures("\n".join(f"after {number} jobs: {size}" for number, size in sizes.items()))
    first, last = sizes[SETTLED], sizes[JOBS]
    assert last.memory_mib - first.memory_mib < GROWTH_MIB
    assert last.descriptors <= first.descriptors
    assert last.threads <= first.threads + 1  # idle ones of trio come and go
    assert last.children == first.children == 0
