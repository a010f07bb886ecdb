"""Jobs counted by state and time, as they end."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from runner.model.job import JobState
from runner.store.catalog import migrate
from runner.store.check import check_store
from runner.store.jobs import tallies
from runner.store.pipelines import control, deletion
from runner.store.sessions.begin import take_job
from tests.store.plans import read_plans
from tests.store.test_triggers import pipeline, succeed, watch
from tests.store.world import commit_objects


async def recent(store, name=None) -> dict[JobState, int]:
    """Return what ended around now, by state."""
    now = datetime.now(UTC)
    slots = await tallies.by_time(store, "default", name, since=now - timedelta(hours=1), until=now)
    assert all(now - slot.start < timedelta(hours=2) for slot in slots)
    return {state: sum(slot.jobs.get(state, 0) for slot in slots) for slot in slots for state in slot.jobs}


async def test_jobs_are_counted_by_state_and_by_the_half_hour_in_which_they_ended(store):
    numbers = await watch(store, pipeline("a", "data"), pipeline("b", "data"))
    for number in range(3):
        await commit_objects(store, {b"x": b"%d" % number})
    session, _ = await take_job(store, numbers)
    async with session:
        await succeed(session)
    session, _ = await take_job(store, numbers)
    async with session:
        await session.start()
        await session.abandon(JobState.FAILURE, "it exited 1", 1)
        await session.abandon(JobState.FAILURE, "it exited 1", 1)
    found = await tallies.by_state(store, "default")
    ended = {state: sum(each.get(state, 0) for each in found.values()) for state in JobState if state.is_terminal}
    assert {state: count for state, count in ended.items() if count} == {JobState.SUCCESS: 1, JobState.FAILURE: 1}
    assert sum(each.get(JobState.CREATED, 0) for each in found.values()) == 4
    assert await recent(store) == {JobState.SUCCESS: 1, JobState.FAILURE: 1}
    assert await recent(store, session.key.pipeline) != {}
    assert await recent(store, "none") == {}
    assert await tallies.by_state(store, "other") == {}
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    assert await tallies.by_time(store, "default", since=long_ago, until=long_ago + timedelta(days=1)) == []
    assert (await check_store(store)).problems == []


async def test_a_job_that_is_removed_is_counted_out_and_a_pipeline_takes_its_counts_along(store):
    (number,) = await watch(store, pipeline("a", "data"))
    keys = []
    for count in range(2):
        await commit_objects(store, {b"x": b"%d" % count})
        session, _ = await take_job(store, [number])
        async with session:
            await succeed(session)
            keys.append(session.key)
    await control.delete(store, keys[0])
    assert await tallies.by_state(store, "default") == {"a": {JobState.SUCCESS: 1}}
    assert await recent(store) == {JobState.SUCCESS: 1}
    assert (await check_store(store)).problems == []
    await deletion.delete(store, "default", "a")
    assert await tallies.by_state(store, "default") == {}
    assert store.catalog.db.execute("SELECT count(*) FROM half_hour").fetchone() == (0,)
    assert (await check_store(store)).problems == []


async def test_a_wrong_count_is_found(store):
    await store.writer.write(lambda tx: tx.db.execute("INSERT INTO tally VALUES (1, 5, 2)"))
    problems = (await check_store(store)).problems
    assert [each.what for each in problems] == ["the pipeline of number 1 has 0 jobs of success, not 2"]


@pytest.mark.sqlite
async def test_no_job_that_has_ended_is_looked_at_to_count_them(store):
    await watch(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    now = datetime.now(UTC)
    with read_plans(store) as plans:
        await tallies.by_state(store, "default")
        await tallies.by_time(store, "default", since=now - timedelta(days=1), until=now)
        await tallies.by_time(store, "default", "a", since=now - timedelta(days=1), until=now)
    assert plans.scans(" c") == []  # the answer itself
    assert any("job_state (pipeline=? AND state<?)" in step for step in plans.steps)


@pytest.mark.sqlite
async def test_the_jobs_of_an_older_catalog_are_counted_when_it_is_migrated(tmp_path):
    path = tmp_path / "db"
    migrate.upgrade(path, "0009")
    db = sqlite3.connect(path)
    zeros = ", ".join(f"data_{name}" for name in ("total", "processed", "skipped", "failed", "recovered"))
    for number, (state, finished) in enumerate([(5, 1), (5, 2), (6, 1_800_000_000), (1, None)]):
        db.execute(
            f"""
            INSERT INTO job (pipeline, uuid, version, state, output_repo, output_branch, reason, restarts, created_us,
                             finished_us, {zeros}, read_bytes, written_bytes)
            VALUES (1, ?, 1, ?, 1, 'master', '', 0, 0, ?, 0, 0, 0, 0, 0, 0, 0)
            """,
            (str(number), state, finished),
        )
    db.commit()
    migrate.upgrade(path, "0010")
    assert db.execute("SELECT * FROM tally ORDER BY state").fetchall() == [(1, 5, 2), (1, 6, 1)]
    assert db.execute("SELECT * FROM half_hour ORDER BY n").fetchall() == [(1, 0, 5, 2), (1, 1, 6, 1)]
    db.close()
