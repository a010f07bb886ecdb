"""Workers as processes: real commits come in, real commands run, real signals end them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from functools import partial
from pathlib import Path

import pytest
import trio

from runner.model.address import parse
from runner.model.job import JobState
from runner.store import files, open_store
from runner.store.check import check_store
from runner.store.history import commits
from runner.store.jobs import jobs
from tests import databases
from tests.supervisor.server import Server
from tests.supervisor.worker import Worker, ended, environment, runner, spec, until

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


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command on the store to its end."""
    return subprocess.run(runner(folder, *arguments), check=False, capture_output=True, env=environment())


async def everything(store, address):
    """Return the entries of a commit."""
    bucket = files.bucket_of(store, await commits.resolve(store, parse(address)))
    return (await bucket.list(b"", b"", b"")).items


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
    await databases.dead_are_known()
    (job,) = await until(folder, lambda found: found[0].state is JobState.CREATED)
    assert (job.key.id, job.restarts) == (begun, 1)
    with Worker(folder, waiting):
        (job,) = await until(folder, lambda found: found[0].state is JobState.RUNNING)
    assert job.key.id == begun


async def test_a_pipeline_that_cannot_run_here_is_said_before_anything_watches(folder, tmp_path):
    nothing = spec(tmp_path, "one", "data", "pass")
    nothing.write_text(nothing.read_text().replace('"cmd"', '"user": "nobody-at-all", "cmd"'))
    worker = Worker(folder, nothing)
    assert worker.wait() == 2
    assert "user 'nobody-at-all' of the spec does not exist here" in worker.log
    assert "Traceback" not in worker.log


async def test_a_registered_pipeline_is_run_without_its_spec_and_by_the_version_of_the_moment(folder, tmp_path):
    count = "import os, urllib.request; print(urllib.request.urlopen(os.environ['S3_ENDPOINT'] + '/data').status)"
    await put_lines(folder)
    one = spec(tmp_path, "one", "data", count)
    assert run(folder, "pipeline", "create", one).returncode == 0
    with Worker(folder, "--pipeline", "one") as worker:
        assert worker.ready["pipelines"] == ["one"]
        await until(folder, ended(1))
        spec(tmp_path, "one", "data", f"{count}; print('again')")
        assert run(folder, "pipeline", "update", one).returncode == 0
        found = await until(folder, ended(2))
    assert [(job.version, job.state) for job in found] == [(1, JobState.SUCCESS), (2, JobState.SUCCESS)]


def test_a_pipeline_that_is_not_registered_is_said_at_once(folder):
    worker = Worker(folder, "--pipeline", "one")
    assert worker.wait() == 2
    assert "there is no pipeline one" in worker.log


async def test_specs_are_read_again_at_sighup_and_of_a_wrong_one_the_old_form_stays(folder, tmp_path):
    one = spec(tmp_path, "one", "data", "pass")
    with Worker(folder, one) as worker:
        await put_lines(folder)
        await until(folder, ended(1))
        good = one.read_text()
        one.write_text("{")
        worker.process.send_signal(signal.SIGHUP)
        await worker.says("spec.refused")
        await put_lines(folder, "one\n")
        await until(folder, ended(2))
        one.write_text(good.replace("pass", "print()"))
        worker.process.send_signal(signal.SIGHUP)
        found = await until(folder, ended(3))
        assert worker.end(signal.SIGTERM) == 0
    assert [job.version for job in found] == [1, 1, 2]
    assert worker.log.count("spec.refused") == 1
    assert "Traceback" not in worker.log


async def test_a_job_of_a_worker_is_stopped_from_elsewhere_and_the_worker_goes_on(folder, tmp_path):
    one = spec(tmp_path, "one", "data", WAIT % 1000)
    other = spec(tmp_path, "other", "data", "pass")
    with Worker(folder, one, other) as worker:
        begun = await put_lines(folder)
        await until(folder, lambda found: found and found[0].state is JobState.RUNNING)
        assert run(folder, "job", "stop", f"one@{begun}").returncode == 0
        found = await until(folder, ended(2))
        assert worker.end(signal.SIGTERM) == 0
    assert [(job.state, job.reason, job.status) for job in found] == [
        (JobState.KILLED, "job stopped", 143),
        (JobState.SUCCESS, "", 0),
    ]
    assert run(folder, "job", "wait", f"one@{begun}").returncode == 143
    assert run(folder, "job", "wait", begun).returncode == 143
    again = run(folder, "job", "stop", f"one@{begun}")
    assert (again.returncode, b"has ended already" in again.stderr) == (3, True)


async def test_a_run_by_hand_that_is_stopped_from_elsewhere_ends_with_143(folder, tmp_path):
    await put_lines(folder)
    command = runner(folder, "run", spec(tmp_path, "one", "data", WAIT % 1000))
    async with trio.open_nursery() as nursery:
        run_by_hand = partial(trio.run_process, command, capture_stdout=True, check=False, env=environment())
        process = await nursery.start(partial(run_by_hand, stderr=subprocess.DEVNULL))
        (job,) = await until(folder, lambda found: found and found[0].state is JobState.RUNNING)
        assert run(folder, "job", "stop", str(job.key)).returncode == 0
        assert await process.wait() == 143
    assert run(folder, "job", "wait", str(job.key)).returncode == 143


async def test_a_fixed_port_serves_one_attempt_after_the_other(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    program = f"import os; assert os.environ['S3_ENDPOINT'].endswith(':{port}')\n" + COPY % ("data", "one")
    file = spec(tmp_path, "one", "data", program)
    with Worker(folder, file, "--listen", f"127.0.0.1:{port}"):
        for number in range(3):
            await put_lines(folder, f"{number}\n")
        found = await until(folder, ended(3))
    assert {job.state for job in found} == {JobState.SUCCESS}


async def test_a_newer_commit_supersedes_what_has_not_begun_where_that_is_wanted(folder, tmp_path):
    one = spec(tmp_path, "one", "data", WAIT % 2)
    with Worker(folder, one, "--coalesce"):
        for number in range(4):
            await put_lines(folder, f"{number}\n")
            if number == 0:
                await until(folder, lambda found: found and found[0].state is JobState.RUNNING)
        found = await until(folder, ended(4))
    states = [job.state for job in found]
    assert states == [JobState.SUCCESS, JobState.KILLED, JobState.KILLED, JobState.SUCCESS]
    assert found[3].key.id in found[1].reason


async def test_a_run_by_hand_makes_jobs_of_what_it_imports_unless_it_is_told_not_to(folder, tmp_path):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "a").write_text("1")
    (tmp_path / "hand").mkdir()
    hand = spec(tmp_path / "hand", "hand", "data", "pass")
    assert run(folder, "run", hand, "--input", f"data={tmp_path / 'lab'}").returncode == 0
    assert run(folder, "pipeline", "create", spec(tmp_path, "one", "data", "pass")).returncode == 0
    (tmp_path / "lab" / "a").write_text("2")
    assert run(folder, "run", hand, "--input", f"data={tmp_path / 'lab'}", "--no-trigger").returncode == 0
    (tmp_path / "lab" / "a").write_text("3")
    assert run(folder, "run", hand, "--input", f"data={tmp_path / 'lab'}").returncode == 0
    async with open_store(folder) as store:
        assert len(await jobs.list_jobs(store, "default", "one")) == 2


async def test_a_clock_ticks_once_however_many_workers_keep_it(folder, tmp_path):
    file = spec(tmp_path, "one", "data", "pass")
    document = json.loads(file.read_text())
    document["input"] = {
        "cross": [{"cron": {"name": "tick", "spec": "@every 1s"}}, {"pfs": {"repo": "data", "glob": "/", "s3": True}}]
    }
    file.write_text(json.dumps(document))
    await put_lines(folder)
    with Worker(folder, file), Worker(folder, file):
        await until(folder, lambda found: len(found) >= 3)
    async with open_store(folder) as store:
        made = await commits.list_commits(store, "default", "one_tick")
        ticks = [entry.key.decode() for entry in await everything(store, "one_tick@master")]
        assert len(made) <= len(ticks) == len(set(ticks))
        assert ticks == sorted(ticks)
        found = await jobs.list_jobs(store, "default", "one")
        assert {job.key.id for job in found} <= {commit.id for commit in made}
