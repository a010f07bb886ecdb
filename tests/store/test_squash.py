"""Commits leave the history; what stands on them holds what it held."""

from __future__ import annotations

import pytest

from runner.model.address import parse
from runner.model.provenance import SCHEMA
from runner.store import files
from runner.store.check import check_store
from runner.store.history import commits
from runner.store.history.commits import NoSuchCommit
from runner.store.history.squash import AmbiguousCommitSet, CommitInUse, NoSuchCommitSet, delete, find, find_set, squash
from runner.store.jobs import jobs, pipelines
from runner.store.sessions.begin import take_job
from runner.store.writing import branches
from tests.store.test_triggers import pipeline, watch
from tests.store.world import commit_objects, list_all, open_session


async def held(store, address: str) -> list[bytes]:
    return await list_all(files.bucket_of(store, await commits.resolve(store, parse(address))))


async def history(store, repo="data", branch="master") -> list[str]:
    return [each.id for each in await commits.list_commits(store, "default", repo, branch)]


async def sound(store) -> None:
    assert (await check_store(store)).problems == []


async def test_what_a_squashed_commit_changed_stays_in_the_one_above_it(store):
    one = await commit_objects(store, {b"a": b"1", b"b": b"1"})
    two = await commit_objects(store, {b"c": b"2"}, gone=[b"a"])
    three = await commit_objects(store, {b"d": b"3"})
    await squash(store, [two])
    assert await history(store) == [three.id, one.id]
    assert await held(store, "data@master") == [b"b", b"c", b"d"]
    assert await held(store, "data@master^") == [b"a", b"b"]
    with pytest.raises(NoSuchCommit):
        await commits.resolve(store, parse(f"data@{two.id}"))
    await squash(store, [one])
    assert await history(store) == [three.id]
    assert await held(store, "data@master") == [b"b", b"c", b"d"]
    await sound(store)


async def test_every_fork_keeps_what_the_squashed_commit_changed(store):
    await commit_objects(store, {b"a": b"1"})
    two = await commit_objects(store, {b"b": b"2"})
    await branches.create(store, "default", "data", "fork", two.id)
    await commit_objects(store, {b"c": b"3"})
    with pytest.raises(CommitInUse, match="data@fork points at"):
        await squash(store, [two])
    await commit_objects(store, {b"d": b"4"}, branch="fork")
    await squash(store, [two])
    assert await held(store, "data@master") == [b"a", b"b", b"c"]
    assert await held(store, "data@fork") == [b"a", b"b", b"d"]
    await sound(store)


async def test_the_newest_commit_is_deleted_not_squashed_and_its_branches_go_back(store):
    one = await commit_objects(store, {b"a": b"1"})
    two = await commit_objects(store, {b"b": b"2"})
    await branches.create(store, "default", "data", "fork", two.id)
    with pytest.raises(CommitInUse, match="would be lost"):
        await squash(store, [two])
    with pytest.raises(CommitInUse, match="stands on"):
        await delete(store, [one])
    await delete(store, [two])
    assert await history(store) == await history(store, branch="fork") == [one.id]
    await delete(store, [one])
    assert (await branches.inspect(store, "default", "data", "master")).head is None
    await commit_objects(store, {b"c": b"3"})
    assert await held(store, "data@master") == [b"c"]
    await sound(store)


async def test_a_set_goes_as_a_whole_when_later_commits_were_made_from_it(store):
    numbers = await watch(store, pipeline("one", "data"))
    begun = await commit_objects(store, {b"a": b"1"})
    taken = await take_job(store, numbers)
    assert taken is not None
    session, _ = taken
    with pytest.raises(CommitInUse, match=f"the job one@{begun.id} reads"):
        await delete(store, [begun])
    async with session:
        await session.start()
        await session.seal()
        summary = await session.summary()
        output = {"commit": begun.id, "digest": summary.digest.hex()}
        await session.commit({"schema": SCHEMA, "output": output})
    with pytest.raises(CommitInUse, match=f"one@{begun.id} was made from data@{begun.id}"):
        await delete(store, await find(store, parse("data@master")))
    whole = await find_set(store, begun.id[:12])
    assert [each.repo for each in whole] == ["data", "one"]
    await delete(store, whole)
    assert await history(store) == await history(store, "one") == []
    (job,) = await jobs.list_jobs(store, "default")
    assert job.state == "SUCCESS"
    assert await jobs.record(store, job.key) is None
    await sound(store)


async def test_what_a_running_job_reads_stays(store):
    async with await open_session(store, {b"a": b"1"}) as session:
        with pytest.raises(CommitInUse, match="reads"):
            await delete(store, await find(store, parse("data@master")))
        assert session.key.id in {job.key.id for job in await jobs.list_jobs(store, "default")}


async def test_a_commit_set_is_named_by_digits_that_no_other_has(store):
    await commit_objects(store, {b"a": b"1"})
    with pytest.raises(NoSuchCommitSet):
        await find_set(store, "master")
    with pytest.raises(NoSuchCommitSet):
        await find_set(store, "0" * 32)
    assert issubclass(AmbiguousCommitSet, Exception)
    assert await pipelines.list_pipelines(store, "default") == []
