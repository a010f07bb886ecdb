"""A process that was taken for dead, and goes on, changes nothing of what others do by then."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
import trio.testing

from runner.model.job import JobState
from runner.store import settle
from runner.store.buckets.storeview import StoreView
from runner.store.check import check_store
from runner.store.collect import Graces, collect
from runner.store.history import commits, repos
from runner.store.jobs import joblog, jobs
from runner.store.jobs.joblog import JobLog
from runner.store.owners import OwnerLost
from runner.store.sessions.begin import take_job
from runner.store.writing import branches
from runner.store.writing.bursts import BurstSettings, open_bursts
from runner.store.writing.changes import open_change
from tests.store.contract_owners import OwnersContract
from tests.store.losing import LosingOwners
from tests.store.test_triggers import pipeline, states, watch
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, commit_objects, open_session


@pytest.fixture
def owners():
    return LosingOwners()


class TestLosingOwners(OwnersContract):
    @pytest.fixture
    def others(self, owners):
        return owners


@pytest.fixture
def shared(store, owners):
    """The store as two processes have it, of which one may be cut off."""
    return replace(store, owners=owners)


async def begin(store):
    numbers = await watch(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    taken = await take_job(store, numbers)
    assert taken is not None
    session, _ = taken
    await session.start()
    attempt = await session.open_attempt(DATUM, 1)
    await attempt.out.put(b"late", Body(b"x"), NO_ATTRIBUTES)
    return numbers, session, attempt


async def test_a_job_that_was_taken_over_is_run_by_the_other_alone(shared, owners):
    numbers, late, attempt = await begin(shared)
    owners.run_out("job-")
    await settle.settle(shared)
    assert await states(shared) == {"a": [JobState.CREATED]}
    taken = await take_job(shared, numbers)
    assert taken is not None
    session, _ = taken
    await session.start()
    with pytest.raises(OwnerLost):
        await attempt.close(keep=True, exit=None, reason="")
    for step in (late.start, late.seal, late.begin_egress, late.give_back):
        with pytest.raises(OwnerLost):
            await step()
    with pytest.raises(OwnerLost):
        await late.open_attempt(DATUM, 2)
    with pytest.raises(OwnerLost):
        await late.abandon(JobState.KILLED, "late", 1)
    await late.aclose()
    assert session.job.state is JobState.RUNNING
    own = await session.open_attempt(DATUM, 1)
    await own.out.put(b"k", Body(b"1"), NO_ATTRIBUTES)
    await own.close(keep=True, exit=None, reason="")
    await session.seal()
    commit = await session.commit({})
    await session.aclose()
    assert (commit.objects, session.job.restarts) == (1, 1)


async def test_its_log_is_that_of_the_other(shared, owners):
    numbers, late, _ = await begin(shared)
    owners.run_out("job-")
    await settle.settle(shared)
    taken = await take_job(shared, numbers)
    assert taken is not None
    logs = [JobLog(shared, late.key, late.owner), JobLog(shared, late.key, taken[0].owner)]
    async with trio.open_nursery() as nursery:
        for number, log in enumerate(logs):
            await nursery.start(log.run)
            await log.append({"n": number})
        for log in logs:
            await log.aclose()
    assert await joblog.read(shared, late.key) == [(1, {"n": 1})]
    await taken[0].aclose()


async def test_whoever_settles_a_job_settles_nothing_that_another_took_from_him(shared, owners):
    numbers, late, _ = await begin(shared)
    owners.run_out("job-")
    settler = await owners.take(late.owner.name)
    owners.run_out("job-")
    await settle.settle(shared)
    taken = await take_job(shared, numbers)
    assert taken is not None
    with pytest.raises(OwnerLost):
        await settle.settle_job(shared, late.key, settler)
    assert taken[0].job.state is JobState.STARTING
    await taken[0].aclose()


async def test_two_who_settle_a_job_one_after_the_other_give_it_back_once(shared, owners):
    _, late, _ = await begin(shared)
    owners.run_out("job-")
    await settle.settle(shared)
    owner = await owners.take(late.owner.name)
    await settle.settle_job(shared, late.key, owner)
    assert (await jobs.inspect(shared, late.key)).restarts == 1


async def test_a_sealed_job_is_committed_by_the_other(shared, owners):
    session = await open_session(shared)
    attempt = await session.open_attempt(DATUM, 1)
    await attempt.out.put(b"k", Body(b"1"), NO_ATTRIBUTES)
    await attempt.close(keep=True, exit=None, reason="")
    await session.seal({"command": ["true"]})
    owners.run_out("job-")
    await settle.settle(shared)
    with pytest.raises(OwnerLost):
        await session.commit({"late": True})
    await session.aclose()
    assert (await jobs.inspect(shared, session.key)).state is JobState.SUCCESS
    assert (await jobs.record(shared, session.key))["command"] == ["true"]


async def test_a_change_whose_layer_was_collected_is_not_committed(shared, owners):
    async with open_change(shared, "default", "data", "master") as change:
        await change.put(b"k", Body(b"1"), NO_ATTRIBUTES)
        sealed = change._seal
        await shared.writer.write(sealed)
        owners.run_out("change-")
        await collect(shared, Graces(0, 0))
        change._seal = lambda tx: tx.now_us  # it was sealed before
        with pytest.raises(OwnerLost):
            await change.commit()
    assert await commits.list_commits(shared, "default", "data") == []
    assert (await check_store(shared)).problems == []


async def test_a_server_whose_bursts_were_taken_over_goes_on_under_another_name(shared, owners):
    await repos.create(shared, "default", "data")
    await branches.create(shared, "default", "data", "master")
    async with open_bursts(shared, BurstSettings(idle_seconds=3600)) as bursts:
        bucket = await StoreView(shared, bursts, project="default").get_bucket("data")
        await bucket.put(b"one", Body(b"1"), NO_ATTRIBUTES)
        before = bursts.owner
        owners.lose("bursts-")
        await settle.settle(shared)
        assert len(await commits.list_commits(shared, "default", "data")) == 1
        await trio.testing.wait_all_tasks_blocked()
        assert bursts.owner != before
        await bucket.put(b"two", Body(b"2"), NO_ATTRIBUTES)
        await settle.settle(shared)
        assert len(await commits.list_commits(shared, "default", "data")) == 1
    assert [each.objects for each in await commits.list_commits(shared, "default", "data")] == [2, 1]
