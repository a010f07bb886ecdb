from __future__ import annotations

import pytest
import trio

from runner.model.address import parse
from runner.model.commit import CommitOrigin, CommitState
from runner.model.ids import new_commit_id
from runner.model.job import JobInput, JobState, ProcessExit, ResourceUsage
from runner.model.provenance import ReadKind
from runner.store.buckets.storeview import StoreView
from runner.store.collect import Graces, collect
from runner.store.history import commits, removal
from runner.store.history.removal import RepoInUse
from runner.store.history.repos import NoSuchRepo
from runner.store.jobs import jobs, pipelines
from runner.store.jobs.finishing import BranchGone, JobLost
from runner.store.jobs.jobs import NoSuchJob
from runner.store.sessions import begin
from runner.store.sessions.sessions import DatumCounts
from runner.store.writing import branches
from runner.store.writing.bursts import open_bursts
from tests.store.world import DATUM, NO_ATTRIBUTES, PIPELINE, Body, commit_objects, open_session, read_all


async def write(session, objects, *, keep=True, number=1):
    attempt = await session.open_attempt(DATUM, number)
    for key, data in objects.items():
        await attempt.buckets["out"].put(key, Body(data), NO_ATTRIBUTES)
    return await attempt.close(keep=keep, exit=ProcessExit(0 if keep else 3, None), reason="" if keep else "exited 3")


async def publish(session, objects):
    await write(session, objects)
    await session.seal()
    return await session.commit({})


async def test_a_job_becomes_one_commit_with_its_record(store):
    async with await open_session(store, {b"a": b"in"}) as session:
        assert session.job.state == JobState.RUNNING
        await write(session, {b"k": b"12345", b"l": b"6"})
        await session.seal({"job": "x"}, DatumCounts(data_total=1, data_processed=1))
        assert session.job.state == JobState.FINISHING
        summary = await session.summary()
        commit = await session.commit({"schema": "x", "n": 1})
    assert (commit.id, commit.repo, commit.branch) == (session.key.id, "double", "master")
    assert (commit.objects, commit.size_bytes, commit.digest) == (2, 6, summary.digest)
    assert (commit.state, commit.origin, commit.parent) == (CommitState.FINISHED, CommitOrigin.AUTO, None)
    job = await jobs.inspect(store, session.key)
    assert (job.state, job.status, job.data_total, job.data_processed) == (JobState.SUCCESS, 0, 1, 1)
    assert await jobs.record(store, session.key) == {"schema": "x", "n": 1}
    assert await jobs.output(store, session.key) == await commits.resolve(store, parse("double@master")) == commit


async def test_a_repo_that_a_job_reads_is_not_removed_under_it_by_any_way(store):
    async with await open_session(store, {b"a": b"in"}) as session, open_bursts(store) as bursts:
        await commit_objects(store, {}, gone=[b"a"])
        view = StoreView(store, bursts, project="default")
        for remove in (lambda: removal.delete_repo(store, "default", "data"), lambda: view.delete_bucket("data")):
            with pytest.raises(RepoInUse, match=str(session.key)):
                await remove()
        await collect(store, Graces(0, 0))
        attempt = await session.open_attempt(DATUM, 1)
        assert await read_all(await attempt.buckets["data"].get(b"a")) == b"in"
        await attempt.close(keep=True, exit=ProcessExit(0, None), reason="")
        await session.seal()
        await session.commit({})
        await view.delete_bucket("data")
    with pytest.raises(NoSuchRepo):
        await removal.delete_repo(store, "default", "data")


async def test_committing_twice_gives_one_commit(store):
    async with await open_session(store) as session:
        first = await publish(session, {b"k": b"1"})
        assert await session.commit({"other": True}) == first
    assert len(await commits.list_commits(store, "default", "double")) == 1


async def test_output_starts_empty_and_the_head_of_the_moment_is_the_parent(store):
    async with await open_session(store) as one, await open_session(store) as two:
        first = await publish(one, {b"k": b"1", b"l": b"1"})
        await write(two, {b"k": b"2", b"m": b"1"})
        await two.seal()
        summary = await two.summary()
        second = await two.commit({})
    assert (summary.added, summary.changed, summary.removed, summary.parent) == (1, 1, 1, first.id)
    assert (second.parent, second.objects) == (first.id, 2)
    assert await commits.resolve(store, parse("double@master^")) == first


async def test_a_job_that_failed_moves_no_branch_and_its_output_stays_inspectable(store):
    async with await open_session(store) as session:
        attempt = await write(session, {b"half": b"1"}, keep=False)
        await session.abandon(JobState.FAILURE, "the command exited 3", 1)
        await session.abandon(JobState.KILLED, "again", 143)
    assert (attempt.exit, attempt.reason, attempt.objects) == (ProcessExit(3, None), "exited 3", 0)
    job = await jobs.inspect(store, session.key)
    assert (job.state, job.status, job.reason) == (JobState.FAILURE, 1, "the command exited 3")
    assert (await branches.inspect(store, "default", "double", "master")).head is None
    assert await commits.list_commits(store, "default", "double") == []
    left = await jobs.quarantined(store, session.key)
    assert (left.state, left.objects, left.error) == (CommitState.QUARANTINED, 1, "the command exited 3")
    assert await commits.list_commits(store, "default", "double", quarantined=True) == [left]
    assert await commits.resolve(store, parse(f"double@{left.id[:12]}")) == left


async def test_what_earlier_datums_wrote_is_quarantined_too(store):
    async with await open_session(store) as session:
        await write(session, {b"a": b"1"})
        await write(session, {b"b": b"1"}, keep=False, number=2)
        await session.abandon(JobState.FAILURE, "failed", 1)
    assert (await jobs.quarantined(store, session.key)).objects == 2


async def test_a_job_that_wrote_nothing_leaves_nothing(store):
    async with await open_session(store) as session:
        await session.abandon(JobState.KILLED, "stopped", 143)
    assert await jobs.quarantined(store, session.key) is None
    assert await jobs.record(store, session.key) is None


async def test_a_session_that_is_left_unfinished_is_abandoned(store):
    async with await open_session(store) as session:
        attempt = await session.open_attempt(DATUM, 1)
        await attempt.buckets["out"].put(b"k", Body(b"1"), NO_ATTRIBUTES)
    job = await jobs.inspect(store, session.key)
    assert (job.state, job.reason) == (JobState.KILLED, "the runner ended before the job did")
    assert (await jobs.attempts(store, session.key))[0].reason == job.reason
    assert (await jobs.quarantined(store, session.key)).objects == 1


async def test_a_finished_job_takes_no_more(store):
    async with await open_session(store) as session:
        await publish(session, {})
        for late in (session.start, session.seal):
            with pytest.raises(JobLost):
                await late()
        with pytest.raises(JobLost):
            await session.open_attempt(DATUM, 2)


async def test_a_deleted_branch_gets_no_commit(store):
    async with await open_session(store) as session:
        await branches.delete(store, "default", "double", "master")
        await session.seal()
        with pytest.raises(BranchGone):
            await session.commit({})


async def test_one_id_is_one_job(store):
    chosen = new_commit_id()
    async with await open_session(store, job_id=chosen) as session:
        assert session.key.id == chosen
        with pytest.raises(JobLost):
            await open_session(store, job_id=chosen)
    with pytest.raises(JobLost):
        await open_session(store, job_id=chosen)


async def test_one_id_may_stand_in_many_repos(store):
    commit = await commit_objects(store, {b"a": b"1"})
    version = await pipelines.register(store, PIPELINE)
    inputs = [JobInput("data", "default", "data", "master", commit.id)]
    async with await begin.open_job(store, PIPELINE, version=version, inputs=inputs, job_id=commit.id) as session:
        await session.start()
        assert (await publish(session, {b"k": b"1"})).id == commit.id
    assert (await commits.resolve(store, parse(f"data@{commit.id}"))).repo == "data"
    assert (await commits.resolve(store, parse(f"double@{commit.id}"))).repo == "double"


async def test_an_id_of_a_job_means_the_commit_that_it_read(store):
    async with await open_session(store, {b"a": b"1"}) as session:
        await publish(session, {})
    assert (await commits.resolve(store, parse(f"data@{session.key.id}"))).id == session.inputs[0].commit


async def test_inputs_do_not_change_during_a_job(store):
    async with await open_session(store, {b"a": b"old"}) as session:
        await commit_objects(store, {b"a": b"new"})
        attempt = await session.open_attempt(DATUM, 1)
        assert await read_all(await attempt.buckets["data"].get(b"a")) == b"old"


async def test_attempts_are_kept_with_how_they_ended(store):
    async with await open_session(store) as session:
        await write(session, {b"k": b"1"}, keep=False)
        attempt = await session.open_attempt(DATUM, 2)
        await attempt.buckets["out"].put(b"k", Body(b"12"), NO_ATTRIBUTES)
        usage = ResourceUsage(1.5, 0.25, 1 << 20)
        await attempt.close(keep=True, exit=ProcessExit(None, 9, usage), reason="")
    first, second = await jobs.attempts(store, session.key)
    assert (first.number, first.exit.status, first.objects) == (1, 3, 0)
    assert (second.number, second.exit, second.objects, second.size_bytes) == (2, ProcessExit(None, 9, usage), 1, 2)
    assert first.finished <= second.started <= second.finished


async def test_many_datums_leave_few_layers(store):
    async with await open_session(store) as session:
        for number in range(40):
            await write(session, {b"%03d" % number: b"x", b"same": b"%d" % number}, number=number)
        attempt = await session.open_attempt(DATUM, 99)
        assert len(attempt.buckets["out"]._layers) < 8
        assert await read_all(await attempt.buckets["out"].get(b"same")) == b"39"
        await attempt.close(keep=True, exit=None, reason="")
        await session.seal()
        assert (await session.commit({})).objects == 41


async def test_jobs_are_listed_and_found(store):
    made = []
    for _ in range(3):
        async with await open_session(store) as session:
            made.append(session.key)
            await publish(session, {})
    newest = [job.key for job in await jobs.list_jobs(store, "default", "double", limit=2)]
    assert newest == [made[2], made[1]]
    older = await jobs.list_jobs(store, "default", before=made[1], states=(JobState.SUCCESS,))
    assert [job.key for job in older] == [made[0]]
    assert [job.key for job in await jobs.list_jobs(store, "default", id=made[0].id)] == [made[0]]
    for text in (str(made[1]), made[1].id, f"double@{made[1].id[:10]}", made[1].id[:8]):
        assert [job.key for job in await jobs.find_jobs(store, "default", text)] == [made[1]]
    assert await jobs.find_jobs(store, "default", "other@" + made[1].id) == []
    assert await jobs.find_jobs(store, "default", "nonsense") == []
    with pytest.raises(NoSuchJob):
        await jobs.inspect(store, made[0].__class__("default", "double", new_commit_id()))


async def test_what_was_really_read_is_observed(store):
    objects = {b"a/%d" % n: b"0123456789" for n in range(10)}
    async with await open_session(store, objects) as session:
        attempt = await session.open_attempt(DATUM, 1)
        data = attempt.buckets["data"]
        whole, part = await data.get(b"a/1"), await data.get(b"a/2")
        await read_all(whole)
        await read_all(part, 0, 3)
        await read_all(await data.get(b"a/2"), 3, 5)
        await read_all(part, 8, 9)
        await data.head(b"a/3")
        with pytest.raises(Exception, match="no such object"):
            await data.get(b"missing")
        await data.list(b"a/", b"/", b"", 4)
        await attempt.close(keep=True, exit=None, reason="")
        seen = session.reads.snapshot()
        await session.seal()
    found = [(each.key, each.op, each.ranges, each.count, each.reached) for each in seen]
    assert found == [
        (b"a/", ReadKind.LIST, (), 1, b"a/3"),
        (b"a/1", ReadKind.GET, ((0, 10),), 1, None),
        (b"a/2", ReadKind.GET, ((0, 5), (8, 9)), 2, None),
        (b"a/3", ReadKind.HEAD, (), 1, None),
        (b"missing", ReadKind.MISS, (), 1, None),
    ]
    assert await jobs.observed(store, session.key) == seen
    assert await jobs.observed(store, session.key, after=seen[1], limit=2) == seen[2:4]
    assert seen[1].etag == whole.entry.etag
    assert seen[0].delimiter == b"/"


async def test_a_long_read_log_moves_to_the_catalog_and_stays_exact(store, monkeypatch):
    monkeypatch.setattr("runner.store.jobs.reads.HELD_MAX", 5)
    objects = {b"%02d" % n: b"0123456789" for n in range(12)}
    async with await open_session(store, objects) as session:
        attempt = await session.open_attempt(DATUM, 1)
        data = attempt.buckets["data"]
        for first in (0, 4):
            for key in objects:
                await read_all(await data.get(key), first, first + 4)
                assert len(session.reads._seen) <= 6
        seen = session.reads.snapshot()
        await attempt.close(keep=True, exit=None, reason="")
    assert [(each.key, each.count, each.ranges) for each in seen] == [(key, 2, ((0, 8),)) for key in sorted(objects)]


async def test_two_jobs_of_one_branch_at_once_both_commit_and_one_follows_the_other(store):
    made = []

    async def run(session, number: int) -> None:
        made.append(await publish(session, {b"%d" % number: b"x"}))

    async with await open_session(store) as one, await open_session(store) as two, trio.open_nursery() as nursery:
        nursery.start_soon(run, one, 1)
        nursery.start_soon(run, two, 2)
    made.sort(key=lambda commit: commit.parent is not None)
    assert [commit.parent for commit in made] == [None, made[0].id]
