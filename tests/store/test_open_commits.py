"""Commits made by hand: many writes, one commit, when its maker says so."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runner.model.address import parse
from runner.model.commit import CommitState
from runner.model.job import JobState
from runner.store import files, open_store
from runner.store.buckets.storeview import StoreView
from runner.store.check import check_store
from runner.store.history import commits, repos
from runner.store.history.squash import delete
from runner.store.jobs import jobs
from runner.store.waiting import until_finished
from runner.store.writing import branches, open_commits
from runner.store.writing.bursts import BurstSettings, open_bursts
from runner.store.writing.open_commits import CommitIsOpen, NoOpenCommit, OutputBranch
from tests.store.test_session import write
from tests.store.test_triggers import pipeline, watch
from tests.store.world import NO_ATTRIBUTES, Body, commit_objects, list_all, open_session

AT_ONCE = BurstSettings(idle_seconds=0)


async def start(store, **more):
    if repos.find(store.catalog.db, "default", "data") is None:
        await repos.create(store, "default", "data")
    return await open_commits.start(store, "default", "data", "master", **more)


async def finish(store):
    return await open_commits.finish(store, "default", "data", "master")


async def held(store, address: str) -> list[bytes]:
    return await list_all(files.bucket_of(store, await commits.resolve(store, parse(address))))


async def put(bursts, store, *keys: bytes) -> None:
    bucket = await StoreView(store, bursts, project="default").get_bucket("data")
    for key in keys:
        await bucket.put(key, Body(key), NO_ATTRIBUTES)


async def test_all_that_is_written_until_the_end_is_one_commit(store):
    before = await commit_objects(store, {b"old": b"1", b"gone": b"1"})
    opened = await start(store, description="by hand")
    async with open_bursts(store, AT_ONCE) as bursts:
        await put(bursts, store, b"s3")
        await wait_all_tasks_blocked(0.05)
        added = await commit_objects(store, {b"command": b"2"}, gone=[b"gone", b"s3"])
        assert (added.id, added.state) == (opened.id, CommitState.OPEN)
        await put(bursts, store, b"later")
        await wait_all_tasks_blocked(0.05)
        assert (await branches.inspect(store, "default", "data", "master")).head == before.id
        assert await held(store, f"data@{opened.id}") == [b"command", b"later", b"old"]
        done = await finish(store)
    assert (done.id, done.state, done.parent, done.objects) == (opened.id, CommitState.FINISHED, before.id, 3)
    assert done.description == "by hand"
    assert await held(store, "data@master") == [b"command", b"later", b"old"]
    assert [each.id for each in await commits.list_commits(store, "default", "data", "master")] == [done.id, before.id]
    assert (await check_store(store)).problems == []


async def test_what_comes_after_the_end_is_a_commit_of_its_own(store):
    async with open_bursts(store, AT_ONCE) as bursts:
        await start(store)
        await put(bursts, store, b"in")
        done = await finish(store)
        await put(bursts, store, b"after")
    assert await held(store, f"data@{done.id}") == [b"in"]
    assert await held(store, "data@master") == [b"after", b"in"]


async def test_an_empty_one_holds_what_its_parent_holds(store):
    await commit_objects(store, {b"a": b"1"})
    await start(store)
    assert (await check_store(store)).problems == []
    await finish(store)
    assert await held(store, "data@master") == [b"a"]
    assert (await check_store(store)).problems == []


async def test_it_outlives_the_process_that_wrote_to_it(tmp_path):
    async with open_store(tmp_path / "store") as store:
        opened = await start(store)
        async with open_bursts(store, AT_ONCE) as bursts:
            await put(bursts, store, b"one")
    async with open_store(tmp_path / "store") as store:
        assert await commits.list_commits(store, "default", "data", "master") == [opened]
        async with open_bursts(store, AT_ONCE) as bursts:
            await put(bursts, store, b"two")
        done = await finish(store)
        assert await held(store, f"data@{done.id}") == [b"one", b"two"]
        assert (await check_store(store)).problems == []


async def test_a_branch_has_one_at_most_and_finishing_needs_one(store):
    await start(store)
    with pytest.raises(CommitIsOpen):
        await start(store)
    await finish(store)
    with pytest.raises(NoOpenCommit):
        await finish(store)


async def test_a_pipeline_alone_commits_to_its_output(store):
    await watch(store, pipeline("one", "data"))
    with pytest.raises(OutputBranch):
        await open_commits.start(store, "default", "one", "master")


async def test_a_deleted_one_takes_what_was_written_for_it(store):
    await commit_objects(store, {b"a": b"1"})
    opened = await start(store)
    await commit_objects(store, {b"b": b"1"})
    await delete(store, [opened])
    assert await held(store, "data@master") == [b"a"]
    await commit_objects(store, {b"c": b"1"})
    assert await held(store, "data@master") == [b"a", b"c"]
    await start(store)
    await branches.delete(store, "default", "data", "master")
    assert len(await commits.list_commits(store, "default", "data")) == 2
    assert (await check_store(store)).problems == []


async def test_its_jobs_begin_at_its_end_under_its_id(store):
    await watch(store, pipeline("one", "data"))
    opened = await start(store)
    await commit_objects(store, {b"a": b"1"})
    assert await jobs.list_jobs(store, "default") == []
    await finish(store)
    (job,) = await jobs.list_jobs(store, "default")
    assert job.key.id == opened.id


async def test_who_waits_for_it_is_told(store, nursery):
    opened = await start(store)
    waited = []

    async def wait() -> None:
        waited.append(await until_finished(store, parse(f"data@{opened.id}"), 60))

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    assert waited == []
    await finish(store)
    with trio.fail_after(5):
        while not waited:
            await trio.lowlevel.checkpoint()
    assert waited[0].commit.id == opened.id


async def test_no_branch_points_at_a_commit_that_is_open_or_that_a_failed_job_left(store):
    await repos.create(store, "default", "data")
    begun = await open_commits.start(store, "default", "data", "master")
    with pytest.raises(branches.CommitUnfinished, match="open yet"):
        await branches.create(store, "default", "data", "fork", begun.id)
    await delete(store, [begun])
    async with await open_session(store, {b"a": b"1"}) as session:
        await write(session, {b"left": b"2"}, keep=False)
        await session.abandon(JobState.FAILURE, "exited 3", 1)
        left = await jobs.quarantined(store, session.key)
    with pytest.raises(branches.CommitUnfinished, match="failed job left"):
        await branches.create(store, "default", "double", "fork", left.id)
