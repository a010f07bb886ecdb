"""Many workers on one PostgreSQL store, as if each had a host of its own: every job once, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from runner.model.commit import Commit
from runner.model.errors import Unavailable
from runner.model.job import JobState
from runner.model.store_url import parse
from runner.store import Store, StoreSettings, files, open_store
from runner.store.catalog.codes import JOB_TERMINAL_FROM
from runner.store.check import check_store
from runner.store.history import commits
from runner.store.history.refs import RefMoved
from runner.store.jobs import jobs
from runner.store.writing.changes import open_change
from tests.store.world import NO_ATTRIBUTES, Body, list_all, read_all
from tests.system.objectstores import ObjectStore, of_scheme
from tests.system.objectstores import running as serving
from tests.system.postgres import Postgres, running

WORKERS = 8
COMMITS = 67
CHAIN = ("p1", "p2", "p3")
ENDED = "SELECT count(*) FROM job WHERE state >= ?"
LEASE_SECONDS = 3.0
AWAY_SECONDS = 10.0
SECONDS = 240  # a minute where nothing else runs

pytestmark = pytest.mark.timeout(900)  # servers may be built first

APPEND = """
import http.client, os, sys, time
host, port = os.environ["S3_ENDPOINT"].removeprefix("http://").split(":")
def ask(method, path, body=None):
    for _ in range(100):  # as every S3 client does
        connection = http.client.HTTPConnection(host, int(port))
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status < 500:
                assert answer.status == 200, (answer.status, data)
                return data
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    sys.exit(9)
value = ask("GET", "/{reads}/value")
if value == {victim!r} and not os.path.exists({marker!r}):
    with open({marker!r} + ".new", "w") as file:
        file.write(os.environ["WORKER"])
    os.rename({marker!r} + ".new", {marker!r})
    time.sleep(1000)
ask("PUT", "/out/value", value + b" {name}")
"""


@dataclass
class Cluster:
    """A store with its database, and workers on it, each with a folder of its own."""

    server: Postgres
    url: str
    folder: Path
    blobs: str
    workers: list[subprocess.Popen[bytes]]

    @property
    def marker(self) -> Path:
        """Appears when the job that is to be killed runs; holds the number of its worker."""
        return self.folder / "marker"

    def open(self, name: str = "test"):
        hosts = self.folder / name
        settings = StoreSettings(blobs=self.blobs, hosts=hosts, lease_seconds=LEASE_SECONDS, allow_network_folder=True)
        return open_store(parse(self.url), settings=settings)

    def spec(self, name: str, reads: str, victim: bytes) -> Path:
        program = APPEND.format(reads=reads, name=name, victim=victim, marker=str(self.marker))
        document = {
            "pipeline": {"name": name},
            "input": {"pfs": {"repo": reads, "glob": "/", "s3": True}},
            "transform": {"cmd": [sys.executable, "-S", "-E", "-c", program]},
            "s3_out": True,
            "datum_tries": 1,
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(document))
        return path

    def start(self, number: int, *words: str | Path) -> subprocess.Popen[bytes]:
        variables = {
            "RUNNER_STORE": self.url,
            "RUNNER_BLOBS": self.blobs,
            "RUNNER_STORAGE_HOSTS": str(self.folder / f"host{number}"),
            "RUNNER_STORAGE_LEASE_SECONDS": str(LEASE_SECONDS),
            "RUNNER_WORKER_RECONCILE_SECONDS": "1",
            "RUNNER_ADMIN_LISTEN": "",
            "RUNNER_JOB_NAMESPACES": "off",
            "WORKER": str(number),
        }
        with (self.folder / f"worker{number}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "runner", *map(str, words)],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        """Return the ends of what the workers said."""
        return "\n".join(f"{path.name}: {path.read_text()[-3000:]}" for path in sorted(self.folder.glob("worker*.log")))


@pytest.fixture
def cluster(tmp_path) -> Iterator[Callable[..., Cluster]]:
    with ExitStack() as parts:

        def begin(victim: bytes = b"-", blobs: str = "") -> Cluster:
            cluster = parts.enter_context(_cluster(tmp_path, blobs or str(tmp_path / "blobs")))
            specs = [cluster.spec(name, reads, victim) for name, reads in zip(CHAIN, ("data", *CHAIN), strict=False)]
            cluster.workers += [cluster.start(number, "worker", *specs) for number in range(WORKERS)]
            return cluster

        yield begin


@contextmanager
def _cluster(folder: Path, blobs: str) -> Iterator[Cluster]:
    with running() as server:
        cluster = Cluster(server, server.create(), folder, blobs, [])
        try:
            yield cluster
        finally:
            for worker in cluster.workers:
                worker.send_signal(signal.SIGTERM)
            for worker in cluster.workers:
                try:
                    worker.wait(30)
                except subprocess.TimeoutExpired:
                    worker.kill()
                    worker.wait()


async def feed(store: Store, numbers: range) -> None:
    """Make a commit for each number, beside others who do; a change that did not come about is made again."""
    for number in numbers:
        while True:
            try:
                async with open_change(store, "default", "data", "master") as change:
                    await change.put(b"value", Body(b"%d" % number), NO_ATTRIBUTES)
                    await change.put(b"n/%d" % number, Body(b""), NO_ATTRIBUTES)
                    await change.commit()
                break
            except (RefMoved, Unavailable):
                await trio.sleep(0.1)


async def registered(store: Store) -> None:
    """Wait until all pipelines watch their inputs: what is committed before makes one job of all of it."""
    async with store.hints.listen() as news:
        while store.catalog.db.execute("SELECT count(*) FROM registration").fetchone()[0] < len(CHAIN):
            with trio.move_on_after(0.5):
                await news.wait()


async def until(store: Store, count: int) -> None:
    """Wait until so many jobs have ended."""
    async with store.hints.listen() as news:
        while store.catalog.db.execute(ENDED, (JOB_TERMINAL_FROM,)).fetchone()[0] < count:
            with trio.move_on_after(1):
                await news.wait()


async def feed_all(store: Store) -> None:
    async with trio.open_nursery() as nursery:
        for part in range(2):
            nursery.start_soon(feed, store, range(part, COMMITS, 2))


async def value_of(store: Store, commit: Commit) -> bytes:
    return await read_all(await files.bucket_of(store, commit).get(b"value"))


async def judge(cluster: Cluster, store: Store) -> None:
    """Every commit went through every pipeline, once, and is told of by a record; nothing is missing or double."""
    given = await commits.list_commits(store, "default", "data", limit=1000)
    assert len(given) == COMMITS
    head = files.bucket_of(store, given[0])
    assert sorted(await list_all(head, b"n/")) == sorted(b"n/%d" % number for number in range(COMMITS))
    found = await jobs.list_jobs(store, "default", limit=1000)
    assert [job for job in found if job.state is not JobState.SUCCESS] == [], cluster.said()
    expected = {(name, commit.id) for name in CHAIN for commit in given}
    assert sorted((job.key.pipeline, job.key.id) for job in found) == sorted(expected)
    values = {commit.id: await value_of(store, commit) for commit in given}
    for length, name in enumerate(CHAIN, 1):
        made = await commits.list_commits(store, "default", name, limit=1000)
        assert len(made) == COMMITS
        for commit in made:
            assert await value_of(store, commit) == b" ".join((values[commit.id], *(b"p1", b"p2", b"p3")[:length]))
    for job in found:
        record = await jobs.record(store, job.key)
        assert record is not None
        assert record["output"]["commit"] == job.key.id
    assert (await check_store(store)).problems == []


@pytest.fixture
def s3(built, tmp_path, monkeypatch) -> Iterator[ObjectStore]:
    with serving(of_scheme("s3", built, tmp_path / "s3")) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


async def test_workers_of_many_hosts_run_every_job_of_a_chain_once(cluster, s3):
    workers = cluster(blobs=s3.place())
    async with workers.open() as store:
        with trio.fail_after(SECONDS):
            await registered(store)
            await feed_all(store)
            await until(store, COMMITS * len(CHAIN))
        await judge(workers, store)


async def test_a_database_that_restarts_meanwhile_costs_nothing(cluster, s3):
    workers = cluster(blobs=s3.place())
    async with workers.open() as store:
        with trio.fail_after(SECONDS):
            await registered(store)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(feed_all, store)
                await until(store, 20)
                await trio.to_thread.run_sync(workers.server.stop, "immediate")
                await trio.sleep(1.5 * LEASE_SECONDS)
                await trio.to_thread.run_sync(workers.server.start)
            await until(store, COMMITS * len(CHAIN))
        await judge(workers, store)
        assert all(worker.poll() is None for worker in workers.workers), workers.said()


async def test_the_job_of_a_worker_that_was_killed_is_run_by_another(cluster):
    workers = cluster(victim=b"7 p1")
    async with workers.open() as store:
        with trio.fail_after(SECONDS):
            await registered(store)
            await feed_all(store)
            while not workers.marker.exists():  # noqa: ASYNC110  # a file tells nobody that it is there
                await trio.sleep(0.1)
            workers.workers[int(workers.marker.read_text())].kill()
            await until(store, COMMITS * len(CHAIN))
        await judge(workers, store)
        restarts = [job.restarts for job in await jobs.list_jobs(store, "default", limit=1000)]
        assert sorted(restarts)[-2:] == [0, 1]


async def test_an_object_store_that_is_away_for_a_while_costs_nothing(cluster, s3):
    workers = cluster(blobs=s3.place())
    async with workers.open() as store:
        with trio.fail_after(SECONDS):
            await registered(store)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(feed_all, store)
                await until(store, 20)
                s3.kill()
                await trio.sleep(AWAY_SECONDS)
                await trio.to_thread.run_sync(s3.start)
            await until(store, COMMITS * len(CHAIN))
        await judge(workers, store)
