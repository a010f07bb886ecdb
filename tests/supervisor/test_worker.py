"""Workers as processes: real commits come in, real commands run, real signals end them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio

from runner.model.address import parse
from runner.model.job import Job, JobState
from runner.store import commits, events, files, jobs, open_store
from runner.store.check import check_store
from tests.supervisor.server import Server
from tests.supervisor.worker import Worker, spec

COPY = """
import os, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
before = urllib.request.urlopen(f"{endpoint}/%s/lines").read()
request = urllib.request.Request(f"{endpoint}/out/lines", data=before + b"%s\\n", method="PUT")
urllib.request.urlopen(request).close()
"""
WAIT = "import time; print('waiting', flush=True); time.sleep(%d)\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


async def put_lines(folder: Path, text: str = "zero\n") -> str:
    """Commit a file to data@master; return the commit's id."""
    source = folder.with_name("source")
    source.mkdir(exist_ok=True)
    (source / "lines").write_text(text)
    async with open_store(folder) as store:
        commit, _ = await files.import_folder(store, source, "default", "data", "master")
    return commit.id


async def until(folder: Path, is_so, seconds: float = 30) -> list[Job]:
    """Return the jobs, oldest first, as soon as they are so."""
    async with open_store(folder) as store, events.listen(folder) as news:
        with trio.fail_after(seconds):
            while not is_so(found := list(reversed(await jobs.list_jobs(store, "default")))):
                with trio.move_on_after(0.5):
                    await news.wait()
    return found


def ended(count: int):
    return lambda found: len(found) == count and all(job.state.is_terminal for job in found)


async def test_a_chain_runs_under_the_id_of_the_commit_that_began_it(folder, tmp_path):
    one = spec(tmp_path, "one", "data", COPY % ("data", "one"))
    two = spec(tmp_path, "two", "one", COPY % ("one", "two"))
    with Worker(folder, one, two) as worker:
        assert worker.ready.keys() == {"endpoint", "admin", "pipelines", "pid"}
        assert (worker.ready["pipelines"], worker.ready["pid"]) == (["one", "two"], worker.process.pid)
        begun = await put_lines(folder)
        found = await until(folder, ended(2))
        assert {(job.key.id, job.state) for job in found} == {(begun, JobState.SUCCESS)}
        assert worker.end(signal.SIGTERM) == 0
    async with open_store(folder) as store:
        bucket = files.bucket_of(store, await commits.resolve(store, parse("two@master")))
        reader = await bucket.get(b"lines")
        assert b"".join([piece async for piece in reader.read(0, reader.entry.size)]) == b"zero\none\ntwo\n"
        assert (await check_store(store)).problems == []


async def test_a_burst_of_writes_over_s3_is_one_commit_and_one_job(folder, tmp_path):
    count = "import os, urllib.request; print(urllib.request.urlopen(os.environ['S3_ENDPOINT'] + '/data').status)"
    with Worker(folder, spec(tmp_path, "one", "data", count)), Server(folder) as server:
        s3 = server.client()
        s3.create_bucket(Bucket="data")
        for number in range(50):
            s3.put_object(Bucket="data", Key=f"{number}", Body=b"x")
        s3.close()
        (job,) = await until(folder, ended(1))
        assert job.state is JobState.SUCCESS
        assert server.stop() == 0
    async with open_store(folder) as store:
        (commit,) = await commits.list_commits(store, "default", "data")
        assert (commit.id, commit.objects) == (job.key.id, 50)
        assert len(await jobs.list_jobs(store, "default")) == 1


async def test_a_failed_job_leaves_those_behind_it_unrunnable_and_the_worker_goes_on(folder, tmp_path):
    one = spec(tmp_path, "one", "data", "raise SystemExit(3)")
    two = spec(tmp_path, "two", "one", COPY % ("one", "two"))
    other = spec(tmp_path, "other", "data", COPY % ("data", "other"))
    with Worker(folder, one, two, other):
        await put_lines(folder)
        found = await until(folder, ended(3))
    assert {job.key.pipeline: job.state for job in found} == {
        "one": JobState.FAILURE,
        "two": JobState.UNRUNNABLE,
        "other": JobState.SUCCESS,
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_job_of_a_worker_that_ends_is_taken_up_by_another(folder, tmp_path, number):
    waiting = spec(tmp_path, "one", "data", WAIT % 1000)
    with Worker(folder, waiting) as worker:
        begun = await put_lines(folder)
        await until(folder, lambda found: found and found[0].state is JobState.RUNNING)
        assert worker.end(number) == (0 if number == signal.SIGTERM else -number)
    (job,) = await until(folder, lambda found: found[0].state is JobState.CREATED)
    assert (job.key.id, job.restarts) == (begun, 1)
    with Worker(folder, waiting):
        (job,) = await until(folder, lambda found: found[0].state is JobState.RUNNING)
    assert job.key.id == begun


async def test_a_pipeline_that_cannot_run_here_is_said_before_anything_watches(folder, tmp_path):
    nothing = spec(tmp_path, "one", "data", "pass")
    nothing.write_text(nothing.read_text().replace('"s3_out": true', '"s3_out": false'))
    worker = Worker(folder, nothing)
    assert worker.wait() == 2
    assert "leaves its output in /pfs/out" in worker.log
    assert "Traceback" not in worker.log
