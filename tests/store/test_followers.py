"""Trigger branches follow another branch once their conditions hold, and start pipelines with its commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runner.model.ids import CommitId
from runner.spec.effective import pipeline_of
from runner.store import Store
from runner.store.catalog import query
from runner.store.check import check_store
from runner.store.history import repos
from runner.store.jobs import jobs, pipelines
from runner.store.pipelines import clocks, registry
from runner.store.writing import branches
from tests.store.test_triggers import pipeline, run_all
from tests.store.world import commit_objects

FOLLOWER = "a-trigger-1"
LATER = datetime.now(UTC) + timedelta(days=2)


async def begin(store: Store, **terms: object) -> int:
    """Register a pipeline whose input follows data@master; return its number."""
    await repos.create(store, "default", "data")
    base = pipeline("a", "data").spec
    pfs = {**base["input"]["pfs"], "branch": FOLLOWER, "trigger": {"branch": "master", **terms}}
    await registry.create(store, pipeline_of({**base, "input": {"pfs": pfs}}))
    return pipelines.require(store.catalog.db, "default", "a")


async def put(store: Store, number: int, size: int = 1) -> CommitId:
    return (await commit_objects(store, {b"%d" % number: b"x" * size})).id


async def started(store: Store) -> list[CommitId]:
    """Return the ids of the jobs, the oldest first."""
    return [job.key.id for job in reversed(await jobs.list_jobs(store, "default", "a"))]


async def let_pass(store: Store, hours: int) -> None:
    """Let all commits be so much older."""
    older = "UPDATE commits SET finished_us = finished_us - ?"
    await store.writer.write(lambda tx: query.write(tx.db, "commits", older, (hours * 3_600_000_000,)))


async def test_a_branch_follows_after_so_many_commits_and_starts_a_job_under_the_id_of_the_last(store):
    number = await begin(store, commits=3)
    ids = [await put(store, n) for n in range(7)]
    assert await started(store) == [ids[2], ids[5]]
    assert (await branches.inspect(store, "default", "data", FOLLOWER)).head == ids[5]
    assert await run_all(store, [number]) == ["a", "a"]
    assert (await jobs.list_jobs(store, "default", "a"))[0].inputs[0].branch == FOLLOWER
    assert (await check_store(store)).problems == []


async def test_a_branch_follows_after_so_much_more_data(store):
    await begin(store, size="1k")
    ids = [await put(store, n, 400) for n in range(6)]
    assert await started(store) == [ids[2], ids[5]]


async def test_one_condition_is_enough_unless_all_are_wanted(store):
    await begin(store, size="1k", commits=2)
    ids = [await put(store, 0, 2000), await put(store, 1), await put(store, 2)]
    assert await started(store) == [ids[0], ids[2]]


async def test_all_conditions_hold_where_all_are_wanted(store):
    await begin(store, size="1k", commits=2, all=True)
    ids = [await put(store, 0, 2000), await put(store, 1), await put(store, 2), await put(store, 3, 2000)]
    assert await started(store) == [ids[1], ids[3]]


async def test_a_rate_limit_lets_the_first_commit_through_and_the_next_after_a_tick(store):
    await begin(store, rateLimitSpec="@every 1000h")
    first = await put(store, 0)
    await put(store, 1)
    assert await started(store) == [first]
    await let_pass(store, hours=1000)
    third = await put(store, 2)
    assert await started(store) == [first, third]


async def test_at_a_tick_the_branch_goes_to_where_the_other_one_is_by_then(store):
    number = await begin(store, cronSpec="@every 1s")
    assert await clocks.follow(store, [number], LATER) is not None
    await put(store, 0)
    last = await put(store, 1)
    assert await started(store) == []
    await let_pass(store, hours=1)
    due = await clocks.follow(store, [number], LATER)
    assert due == LATER.replace(microsecond=0) + timedelta(seconds=1)
    assert await started(store) == [last]
    await clocks.follow(store, [number], LATER)
    assert await started(store) == [last]


async def test_a_branch_may_follow_one_that_follows(store):
    await begin(store, commits=2)
    base = pipeline("b", "data").spec
    pfs = {**base["input"]["pfs"], "branch": "b-trigger-1", "trigger": {"branch": FOLLOWER, "commits": 1}}
    await registry.create(store, pipeline_of({**base, "input": {"pfs": pfs}}))
    ids = [await put(store, n) for n in range(2)]
    assert {job.key.pipeline: job.key.id for job in await jobs.list_jobs(store, "default")} == {
        "a": ids[1],
        "b": ids[1],
    }


@pytest.mark.parametrize("stopped", [False, True])
async def test_branches_of_a_stopped_pipeline_stay(store, stopped):
    await begin(store, commits=1)
    if stopped:
        await registry.stop(store, "default", "a")
    commit = await put(store, 0)
    assert await started(store) == ([] if stopped else [commit])
