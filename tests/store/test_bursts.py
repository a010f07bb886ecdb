from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from runner.model.address import parse
from runner.store import open_store
from runner.store.buckets.storeview import StoreView
from runner.store.check import check_store
from runner.store.history import commits, staged
from runner.store.history.refs import RefMoved
from runner.store.history.staged import BranchBusy
from runner.store.refusals import NoSuchKey
from runner.store.view import CompletedPart
from runner.store.writing import branches, closing
from runner.store.writing.bursts import PART_SECONDS, Activity, BurstSettings, open_bursts
from tests.store.killing import ROOT
from tests.store.world import NO_ATTRIBUTES, Body, commit_objects, list_all, read_all

SETTINGS = BurstSettings(idle_seconds=2, max_seconds=300, max_keys=5)


class Timed:
    """An activity, and whether its burst is due."""

    def __init__(self, nursery):
        self.activity = Activity(SETTINGS)
        self.is_due = False
        nursery.start_soon(self._wait)

    async def _wait(self):
        await self.activity.wait_until_due()
        self.is_due = True


@pytest.fixture
async def timed(nursery):
    return Timed(nursery)


async def write(activity, mock_clock, seconds=0.0):
    with activity.writing():
        await pass_time(mock_clock, seconds)


async def pass_time(mock_clock, seconds):
    await wait_all_tasks_blocked()
    mock_clock.jump(seconds)
    await wait_all_tasks_blocked()


async def test_a_burst_is_due_when_nothing_was_written_for_a_while(timed, mock_clock):
    for _ in range(3):
        await write(timed.activity, mock_clock)
        await pass_time(mock_clock, 1.5)
    assert not timed.is_due
    await pass_time(mock_clock, 0.5)
    assert timed.is_due


async def test_a_write_that_is_under_way_holds_it_open(timed, mock_clock):
    await write(timed.activity, mock_clock)
    await write(timed.activity, mock_clock, seconds=100)
    assert not timed.is_due
    await pass_time(mock_clock, 2)
    assert timed.is_due


async def test_it_is_due_after_its_longest_time_whatever_is_under_way(timed, mock_clock):
    await write(timed.activity, mock_clock)
    with timed.activity.writing():
        await pass_time(mock_clock, 299)
        assert not timed.is_due
        await pass_time(mock_clock, 1)
        assert timed.is_due


async def test_it_is_due_when_it_is_full(timed, mock_clock):
    for number in range(5):
        assert not timed.is_due
        await write(timed.activity, mock_clock)
        await pass_time(mock_clock, 0)
        assert timed.is_due == (number == 4)


async def test_an_upload_holds_it_open_for_a_while_after_each_part(timed, mock_clock):
    await write(timed.activity, mock_clock)
    for _ in range(2):
        timed.activity.note_part("1")
        await pass_time(mock_clock, PART_SECONDS - 1)
    assert not timed.is_due
    await pass_time(mock_clock, 1)
    assert timed.is_due


async def test_an_upload_that_ended_holds_nothing_open(timed, mock_clock):
    with timed.activity.writing():
        timed.activity.note_part("1")
        timed.activity.note_upload_ended("1")
    await pass_time(mock_clock, 2)
    assert timed.is_due


async def test_at_the_end_it_waits_for_what_is_under_way_alone(timed, mock_clock):
    with timed.activity.writing():
        timed.activity.close()
        await pass_time(mock_clock, 0)
        assert not timed.is_due
    await pass_time(mock_clock, 0)
    assert timed.is_due


class World:
    """A view of a store that tells of commits."""

    def __init__(self, store, view, made):
        self.store = store
        self.view = view
        self._made = made

    async def commit(self):
        with trio.fail_after(20):
            return await self._made.receive()


class Opened:
    def __init__(self, store, **settings):
        self._store = store
        self._settings = BurstSettings(**settings)

    async def __aenter__(self):
        tell, made = trio.open_memory_channel(100)
        self._bursts = open_bursts(self._store, self._settings, tell.send_nowait)
        view = StoreView(self._store, await self._bursts.__aenter__(), project="default")
        return World(self._store, view, made)

    async def __aexit__(self, *error):
        return await self._bursts.__aexit__(*error)


async def test_what_was_written_in_a_row_is_one_commit(store):
    async with Opened(store, idle_seconds=0.05) as world:
        bucket = await world.view.create_bucket("data")
        for number in range(20):
            await bucket.put(b"%d" % number, Body(b"x"), NO_ATTRIBUTES)
        first = await world.commit()
        await bucket.delete(b"1")
        second = await world.commit()
    assert (first.objects, second.objects, second.parent) == (20, 19, first.id)
    assert [each.id for each in await commits.list_commits(store, "default", "data")] == [second.id, first.id]
    assert (await check_store(store)).problems == []


async def test_the_end_commits_everything_at_once(store):
    async with Opened(store) as world:
        for name in ("a12", "b12"):
            await (await world.view.create_bucket(name)).put(b"k", Body(b"x"), NO_ATTRIBUTES)
    assert len(await commits.list_commits(store, "default", "a12")) == 1
    assert len(await commits.list_commits(store, "default", "b12")) == 1
    assert staged.everything(store.catalog.db) == []


async def test_a_cancelled_end_commits_too(store):
    with trio.CancelScope() as scope:
        async with Opened(store) as world:
            await (await world.view.create_bucket("data")).put(b"k", Body(b"x"), NO_ATTRIBUTES)
            scope.cancel()
            await trio.sleep_forever()
    assert (await commits.resolve(store, parse("data"))).objects == 1


async def test_what_leaves_nothing_makes_no_commit(store):
    async with Opened(store) as world:
        bucket = await world.view.create_bucket("data")
        await bucket.put(b"k", Body(b"x"), NO_ATTRIBUTES)
        await bucket.delete(b"k")
        await bucket.delete(b"other")
    assert await commits.list_commits(store, "default", "data") == []
    assert staged.everything(store.catalog.db) == []


async def test_the_same_bytes_again_are_a_commit_so_that_their_time_stays(store):
    head = await commit_objects(store, {b"k": b"x"})
    async with Opened(store) as world:
        bucket = await world.view.get_bucket("data")
        entry = await bucket.put(b"k", Body(b"x"), NO_ATTRIBUTES)
    async with Opened(store) as world:
        assert (await (await world.view.get_bucket("data")).head(b"k")).modified == entry.modified
    commit = await commits.resolve(store, parse("data"))
    assert (commit.parent, commit.digest) == (head.id, head.digest)


async def test_a_full_burst_closes_while_others_write(store):
    async with Opened(store, max_keys=10, idle_seconds=1000) as world:
        bucket = await world.view.create_bucket("data")
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(bucket.put, b"%d" % number, Body(b"x"), NO_ATTRIBUTES)
        assert (await world.commit()).objects >= 10
        assert len(await list_all(bucket)) == 100
    assert (await commits.resolve(store, parse("data"))).objects == 100
    assert (await check_store(store)).problems == []


async def test_an_upload_outlives_the_bursts_before_it_is_complete(store):
    async with Opened(store) as world:
        bucket = await world.view.create_bucket("data")
        upload = await bucket.create_upload(b"k", NO_ATTRIBUTES)
        part = await bucket.put_part(upload, 1, Body(b"x"))
        await bucket.put(b"other", Body(b"x"), NO_ATTRIBUTES)
    async with Opened(store) as world:
        bucket = await world.view.get_bucket("data")
        assert await list_all(bucket) == [b"other"]
        listed = [CompletedPart(1, part.etag)]
        entry = await bucket.complete_upload(await bucket.get_upload(b"k", upload.id), listed)
    async with Opened(store) as world:
        bucket = await world.view.get_bucket("data")
        assert await bucket.complete_upload(await bucket.get_upload(b"k", upload.id), listed) == entry
    assert len(await commits.list_commits(store, "default", "data")) == 2


async def test_an_import_between_is_kept_and_overtakes_what_was_staged_before(store):
    async with Opened(store) as world:
        bucket = await world.view.create_bucket("data")
        for key in (b"staged", b"both", b"again"):
            await bucket.put(key, Body(b"burst"), NO_ATTRIBUTES)
        await bucket.delete(b"gone")
        head = await commit_objects(store, {b"both": b"import", b"again": b"import", b"gone": b"import"})
        await bucket.put(b"again", Body(b"later"), NO_ATTRIBUTES)
        expected = {b"staged": b"burst", b"both": b"import", b"again": b"later", b"gone": b"import"}
        assert {key: await read_all(await bucket.get(key)) for key in await list_all(bucket)} == expected
    commit = await commits.resolve(store, parse("data"))
    assert (commit.parent, commit.objects) == (head.id, 4)
    async with Opened(store) as world:
        bucket = await world.view.get_bucket("data")
        assert {key: await read_all(await bucket.get(key)) for key in await list_all(bucket)} == expected
    assert (await check_store(store)).problems == []


async def test_a_branch_that_is_deleted_takes_what_is_staged_with_it(store):
    async with Opened(store) as world:
        bucket = await world.view.create_bucket("dev.data")
        await bucket.put(b"k", Body(b"x"), NO_ATTRIBUTES)
        await branches.delete(store, "default", "data", "dev")
        await branches.create(store, "default", "data", "dev")
        with pytest.raises(NoSuchKey):
            await bucket.head(b"k")
    assert await commits.list_commits(store, "default", "data") == []


async def test_one_process_at_a_time_takes_the_writes_to_a_branch_and_all_read_them(store):
    async with Opened(store) as one, Opened(store) as other:
        await (await one.view.create_bucket("data")).put(b"1", Body(b"x"), NO_ATTRIBUTES)
        bucket = await other.view.get_bucket("data")
        assert await list_all(bucket) == [b"1"]
        with pytest.raises(BranchBusy):
            await bucket.put(b"2", Body(b"x"), NO_ATTRIBUTES)
        await (await other.view.create_bucket("free")).put(b"2", Body(b"x"), NO_ATTRIBUTES)


DYING = """
import os, sys, pathlib, trio
from functools import partial
from runner.store import open_store
from runner.store.history import staged
from runner.store.writing.bursts import open_bursts
from runner.store.buckets.storeview import StoreView
from tests.store.killing import ROOT
from tests.store.world import Body, NO_ATTRIBUTES

async def main():
    async with open_store(pathlib.Path(sys.argv[1])) as store, open_bursts(store) as bursts:
        bucket = await StoreView(store, bursts, project="default").create_bucket("data")
        for phase in sys.argv[2].split("-"):
            await bucket.put(phase.encode(), Body(b"x"), NO_ATTRIBUTES)
            if phase == "sealed":
                await store.writer.write(partial(staged.seal, branch=bucket._branch, owner=bursts.owner))
        await bucket.create_upload(b"u", NO_ATTRIBUTES)
        os._exit(9)

trio.run(main)
"""


@pytest.mark.sqlite
@pytest.mark.parametrize(("phases", "made"), [("open", 1), ("sealed", 1), ("sealed-open", 2)])
async def test_what_a_dead_process_staged_is_a_commit_when_the_store_is_opened(tmp_path, phases, made):
    folder = tmp_path / "store"
    await trio.run_process([sys.executable, "-c", DYING, str(folder), phases], check=False, cwd=ROOT)
    async with open_store(folder) as store:
        assert len(await commits.list_commits(store, "default", "data", "master")) == made
        assert (await commits.resolve(store, parse("data"))).objects == made
        async with Opened(store) as world:
            uploads, _ = await (await world.view.get_bucket("data")).list_uploads(b"", b"", "", 10)
            assert [upload.key for upload in uploads] == [b"u"]
        assert (await check_store(store)).notes == []


KEYS = st.sampled_from([b"a", b"b", b"c/1", b"c/2"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("import"), KEYS),
    st.tuples(st.sampled_from(["seal", "close"]), st.none()),
)


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=15, deadline=None)
async def test_a_branch_holds_what_a_dict_would_whatever_is_committed_when(steps):
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder) / "store") as store:
            expected: dict[bytes, bytes] = {}
            async with open_bursts(store, BurstSettings(idle_seconds=1000)) as bursts:
                bucket = await StoreView(store, bursts, project="default").create_bucket("data")
                for number, (step, key) in enumerate(steps):
                    await take(
                        step, key, b"%d" % number, store=store, bucket=bucket, owner=bursts.owner, expected=expected
                    )
                    found = {key: await read_all(await bucket.get(key)) for key in await list_all(bucket)}
                    assert found == expected
            if expected:
                assert (await commits.resolve(store, parse("data"))).objects == len(expected)
            assert (await check_store(store)).problems == []


async def take(step, key, value, *, store, bucket, owner, expected) -> None:
    branch = staged.BranchKey(1, "master")
    if step == "put":
        await bucket.put(key, Body(value), NO_ATTRIBUTES)
        expected[key] = value
    elif step == "delete":
        await bucket.delete(key)
        expected.pop(key, None)
    elif step == "seal":
        await store.writer.write(partial(staged.seal, branch=branch, owner=owner))
    elif step == "close":
        await closing.close(store, branch, owner)
    else:
        with suppress(RefMoved):  # what was sealed comes first
            await commit_objects(store, {key: value})
            expected[key] = value
