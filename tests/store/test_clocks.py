"""Clocks tick: each tick once, missed ones together, and each is a commit that makes its job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio

from runner.model.pipeline import CronInput
from runner.spec.effective import pipeline_of
from runner.store import Store, files
from runner.store.history import commits, repos
from runner.store.jobs import jobs, pipelines
from runner.store.pipelines import clocks, deletion, registry
from runner.store.sessions.begin import take_job
from runner.supervisor.timekeeping import keep_time
from tests.store.test_triggers import pipeline
from tests.store.world import commit_objects


def with_clock(spec: str, name: str = "a", **fields: object):
    """Return a pipeline that reads a clock ``tick`` and the repo ``data``."""
    base = pipeline(name, "data").spec
    cron = {"name": "tick", "spec": spec, "project": "default", "repo": f"{name}_tick", **fields}
    return pipeline_of({**base, "input": {"cross": [{"cron": cron}, base["input"]]}})


def clock_of(of) -> CronInput:
    (clock,) = [leaf for leaf in of.leaves() if isinstance(leaf, CronInput)]
    return clock


async def names(store: Store, repo: str = "a_tick") -> list[str]:
    """Return the files of a clock's repo."""
    (head, *_) = await commits.list_commits(store, "default", repo)
    page = await files.bucket_of(store, head).list(b"", b"", b"")
    return [entry.key.decode() for entry in page.items]


@pytest.fixture
async def begun(store):
    """The time at which a pipeline with an hourly clock was registered."""
    await commit_objects(store, {b"x": b"1"})
    await registry.create(store, with_clock("0 * * * *"))
    now = datetime.now(UTC)
    return now.replace(minute=0, second=0, microsecond=0)


def at(begun: datetime, hours: float) -> datetime:
    return begun + timedelta(hours=hours)


def name(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_tick_is_an_empty_file_named_by_its_time_and_makes_a_job_under_its_id(store, begun):
    clock = clock_of(with_clock("0 * * * *"))
    assert await jobs.list_jobs(store, "default") == []
    assert clocks.next_tick(store, clock) == at(begun, 1)
    assert await clocks.tick(store, clock, at(begun, 0.99)) is None
    commit = await clocks.tick(store, clock, at(begun, 1))
    assert commit is not None
    assert await names(store) == [name(at(begun, 1))]
    assert commit.size_bytes == 0
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert job.key.id == commit.id
    assert {each.name: each.repo for each in job.inputs} == {"tick": "a_tick", "data": "data"}
    assert await clocks.tick(store, clock, at(begun, 1.5)) is None
    assert clocks.next_tick(store, clock) == at(begun, 2)
    taken = await take_job(store, [pipelines.require(store.catalog.db, "default", "a")])
    assert taken is not None
    await taken[0].aclose()


async def test_ticks_that_were_missed_come_in_one_commit(store, begun):
    clock = clock_of(with_clock("0 * * * *"))
    await clocks.tick(store, clock, at(begun, 1))
    await clocks.tick(store, clock, at(begun, 4.5))
    assert await names(store) == [name(at(begun, hours)) for hours in (1, 2, 3, 4)]
    assert len(await jobs.list_jobs(store, "default", "a")) == 2
    assert clocks.next_tick(store, clock) == at(begun, 5)


async def test_of_very_many_missed_ticks_the_latest_are_made_up_for(store, begun, monkeypatch):
    monkeypatch.setattr(clocks, "MISSED_MAX", 3)
    await clocks.tick(store, clock_of(with_clock("0 * * * *")), at(begun, 1000))
    assert await names(store) == [name(at(begun, hours)) for hours in (998, 999, 1000)]


async def test_with_overwrite_only_the_latest_tick_is_there(store):
    await commit_objects(store, {b"x": b"1"})
    of = with_clock("@every 60s", overwrite=True, start="2026-01-01T00:00:00Z")
    await registry.create(store, of)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    await clocks.tick(store, clock_of(of), start + timedelta(minutes=5))
    assert await names(store) == ["2026-01-01T00:05:00Z"]
    await clocks.tick(store, clock_of(of), start + timedelta(minutes=6))
    assert await names(store) == ["2026-01-01T00:06:00Z"]


async def test_a_clock_begins_at_its_start_and_goes_on_when_the_pipeline_is_registered_again(store):
    of = with_clock("@daily", start="2030-05-05T12:00:00Z")
    await registry.watch(store, of)
    assert clocks.next_tick(store, clock_of(of)) == datetime(2030, 5, 6, tzinfo=UTC)
    await clocks.tick(store, clock_of(of), datetime(2030, 5, 8, 1, tzinfo=UTC))
    await registry.watch(store, of)
    await registry.update(store, pipeline_of({**of.spec, "description": "another"}))
    assert clocks.next_tick(store, clock_of(of)) == datetime(2030, 5, 9, tzinfo=UTC)


async def test_a_clock_that_never_ticks_does_so_by_hand(store):
    await commit_objects(store, {b"x": b"1"})
    of = with_clock("@never")
    await registry.create(store, of)
    assert clocks.next_tick(store, clock_of(of)) is None
    assert await clocks.tick(store, clock_of(of), datetime(2099, 1, 1, tzinfo=UTC)) is None
    key = await registry.run(store, "default", "a", datetime(2026, 7, 8, 9, 10, 11, 99, tzinfo=UTC))
    assert await names(store) == ["2026-07-08T09:10:11Z"]
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert job.key == key
    again = await registry.run(store, "default", "a", datetime(2026, 7, 8, 9, 10, 11, tzinfo=UTC))
    assert again != key


async def test_many_keepers_of_one_clock_make_each_tick_once(store, begun):
    clock = clock_of(with_clock("0 * * * *"))
    made = []

    async def keep() -> None:
        for hours in range(1, 5):
            commit = await clocks.tick(store, clock, at(begun, hours))
            made.extend([commit] if commit else [])

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(keep)
    assert await names(store) == [name(at(begun, hours)) for hours in (1, 2, 3, 4)]
    assert len(made) == len(await commits.list_commits(store, "default", "a_tick")) == 4
    assert len(await jobs.list_jobs(store, "default", "a")) == 4


async def test_a_stopped_pipeline_has_no_ticks_and_makes_up_for_them_when_it_is_started(store, begun):
    number = pipelines.require(store.catalog.db, "default", "a")
    (clock,) = registry.clocks_of(store, [number])
    await registry.stop(store, "default", "a")
    assert registry.clocks_of(store, [number]) == []
    await registry.start(store, "default", "a")
    await clocks.tick(store, clock, at(begun, 2))
    assert len(await names(store)) == 2


async def test_the_repo_of_a_clock_goes_with_its_pipeline(store, begun):
    await clocks.tick(store, clock_of(with_clock("0 * * * *")), at(begun, 1))
    await deletion.delete(store, "default", "a")
    assert {each.name for each in await repos.list_repos(store, "default")} == {"data"}
    assert store.catalog.db.execute("SELECT count(*) FROM clock").fetchone() == (0,)


async def test_a_keeper_lets_clocks_tick_as_time_goes_by(store, begun):
    number = pipelines.require(store.catalog.db, "default", "a")
    time = at(begun, 0.5)
    asked = trio.Event()

    def tell() -> datetime:
        nonlocal time
        time += timedelta(minutes=11)
        if time > at(begun, 3):
            asked.set()
        return time

    async with trio.open_nursery() as nursery:
        await nursery.start(lambda **ready: keep_time(store, lambda: [number], 0.01, clock=tell, **ready))
        await asked.wait()
        nursery.cancel_scope.cancel()
    assert (await names(store))[:2] == [name(at(begun, 1)), name(at(begun, 2))]
