"""Garbage is collected; nothing that anybody could still ask for is."""

from __future__ import annotations

import random

import pytest
import trio

from runner.model.address import parse
from runner.model.entry import Attributes
from runner.model.job import JobState
from runner.store import settle
from runner.store.blobs import packs
from runner.store.blobs.memory import MemoryBlobs
from runner.store.buckets.storeview import StoreView
from runner.store.catalog import postgres, sqlite
from runner.store.check import check_store
from runner.store.collect import Collected, CollectionUnderWay, Graces, collect
from runner.store.contents import objects
from runner.store.history import commits, removal, uploads
from runner.store.history.squash import delete, squash
from runner.store.owners import owning
from runner.store.view import CompletedPart
from runner.store.writing import branches
from runner.store.writing.bursts import open_bursts
from tests.store.histories import Clock
from tests.store.test_session import write
from tests.store.world import Body, commit_objects, content, open_session

AT_ONCE = Graces(0, 0)
LARGE = 200_000  # bytes of a blob with a file of its own
CHANCE = random.Random(7)


def large() -> bytes:
    return CHANCE.randbytes(LARGE)


def bytes_on_disk(store) -> int:
    return sum(size for _, size in store.blobs.files())


async def sound(store) -> list[str]:
    report = await check_store(store)
    assert report.problems == []
    return report.notes


async def test_what_a_deleted_commit_alone_held_is_freed_and_the_rest_stays(store):
    shared, mine, yours = large(), large(), large()
    await commit_objects(store, {b"shared": shared, b"mine": mine, b"small": b"x" * 1000})
    two = await commit_objects(store, {b"yours": yours}, gone=[b"mine"])
    assert await collect(store, AT_ONCE) == Collected()
    await delete(store, [two])
    found = await collect(store, AT_ONCE)
    assert (found.blobs, found.size_bytes, found.freed_bytes) == (1, LARGE, LARGE)
    assert await content(store, "data@master") == {b"shared": shared, b"mine": mine, b"small": b"x" * 1000}
    assert await sound(store) == []
    assert await collect(store, AT_ONCE) == Collected()


async def test_a_dry_run_tells_the_sizes_and_changes_nothing(store):
    await commit_objects(store, {b"a": large()})
    await removal.delete_repo(store, "default", "data")
    found = await collect(store, AT_ONCE, dry_run=True)
    assert found == Collected(layers=1, blobs=1, size_bytes=LARGE)
    assert bytes_on_disk(store) == LARGE
    assert await collect(store, AT_ONCE) == Collected(0, 1, 1, LARGE, 1, LARGE)
    assert bytes_on_disk(store) == 0


async def test_nothing_goes_before_its_grace_is_over(store):
    await commit_objects(store, {b"a": large()})
    await removal.delete_repo(store, "default", "data")
    graces = Graces(3600, 0)
    for _ in range(2):
        assert await collect(store, graces) == await collect(store, graces, dry_run=True)
        assert await collect(store, graces) == Collected(layers=1, blobs=1, size_bytes=LARGE)
    assert bytes_on_disk(store) == LARGE
    await collect(store, AT_ONCE)
    assert bytes_on_disk(store) == 0


async def test_one_grace_is_enough_for_a_layer_and_all_that_is_in_it(store, monkeypatch):
    """Also for the parts of a large object: each would else begin a grace of its own when the last one ended."""
    clock = Clock()
    for module in (sqlite, postgres, objects, packs):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(uploads, "PART_MIN_BYTES", 2)
    async with open_bursts(store) as bursts:
        bucket = await StoreView(store, bursts, project="default").create_bucket("data")
        upload = await bucket.create_upload(b"large", Attributes())
        parts = [await bucket.put_part(upload, number, Body(large())) for number in (1, 2)]
        await bucket.complete_upload(upload, [CompletedPart(part.number, part.etag) for part in parts])
    await removal.delete_repo(store, "default", "data")
    graces = Graces(3600, 0)
    found = await collect(store, graces)
    assert (found.blobs, found.size_bytes, found.removed_blobs) == (2, 2 * LARGE, 0)
    clock.ahead_ns += 3_600_000_000_000
    found = await collect(store, graces)
    assert (found.removed_blobs, found.freed_bytes) == (2, 2 * LARGE)
    assert bytes_on_disk(store) == 0
    await sound(store)


async def test_what_was_found_unreferenced_and_is_referred_to_again_is_spared(store):
    data = large()
    await commit_objects(store, {b"a": data})
    await removal.delete_repo(store, "default", "data")
    await collect(store, AT_ONCE)
    await commit_objects(store, {b"b": data})
    await removal.delete_repo(store, "default", "data")
    await collect(store, Graces(3600, 0))
    await commit_objects(store, {b"c": data})
    await collect(store, AT_ONCE)
    assert await content(store, "data@master") == {b"c": data}
    assert store.catalog.db.execute("SELECT count(*) FROM doomed").fetchone() == (0,)
    await sound(store)


async def test_what_a_failed_job_left_goes_after_its_quarantine_and_the_job_stays(store):
    async with await open_session(store, {b"a": b"in"}) as session:
        await write(session, {b"k": large()}, keep=False)
        await session.abandon(JobState.FAILURE, "exited 3", 1)
        key = session.key
    assert await collect(store, Graces(0, 3600)) == Collected()
    assert await content(store, f"double@{key.id}") != {}
    found = await collect(store, AT_ONCE)
    assert (found.commits, found.blobs, found.freed_bytes) == (1, 1, LARGE)
    with pytest.raises(commits.NoSuchCommit):
        await commits.resolve(store, parse(f"double@{key.id}"))
    assert session.job.state is JobState.FAILURE
    await sound(store)


async def test_what_a_running_job_wrote_stays(store):
    async with await open_session(store, {b"a": b"in"}) as session:
        data = large()
        await write(session, {b"k": data})
        assert await collect(store, AT_ONCE) == Collected()
        await session.seal()
        assert await collect(store, AT_ONCE) == Collected()
        await session.commit({"schema": "x"})
    assert await content(store, "double@master") == {b"k": data}


async def test_a_squashed_history_reads_the_same_after_a_collection(store):
    kept = {}
    for number in range(12):
        kept |= {f"{number}".encode(): large()}
        made = await commit_objects(store, {f"{number}".encode(): kept[f"{number}".encode()], b"same": large()})
    assert made.parent is not None
    middle = await commits.resolve(store, parse("data@master^5"))
    await squash(store, [middle])
    found = await collect(store, AT_ONCE)
    assert found.blobs == 0
    assert (await content(store, "data@master")).items() >= kept.items()
    await sound(store)


@pytest.mark.files  # an object store has a pack for each group of writes
async def test_a_pack_of_which_little_is_left_is_emptied_and_goes(store):
    await commit_objects(store, {f"{n}".encode(): CHANCE.randbytes(50_000) for n in range(20)}, repo="other")
    await commit_objects(store, {b"kept": b"k" * 1000})
    store.blobs.close()  # as a process that ended
    ((before, _),) = store.blobs.packs()
    await removal.delete_repo(store, "default", "other")
    found = await collect(store, AT_ONCE)
    assert found.freed_bytes > 1_000_000
    assert before not in dict(store.blobs.packs())
    assert await content(store, "data@master") == {b"kept": b"k" * 1000}
    await sound(store)


async def test_a_pack_that_is_being_written_stays(store):
    await commit_objects(store, {b"a": b"1"})
    await removal.delete_repo(store, "default", "data")
    found = await collect(store, AT_ONCE)
    assert (found.removed_blobs, found.freed_bytes) == (1, 0)
    assert len(list(store.blobs.packs())) == 1
    assert not MemoryBlobs().is_written(1)


async def test_two_collections_at_once_are_one(store):
    async with owning(store.owners, "gc"):
        with pytest.raises(CollectionUnderWay):
            await collect(store, AT_ONCE)
    await collect(store, AT_ONCE)


async def test_writers_beside_collections_lose_nothing(store):
    """The bytes are few, so that they are put again and again while a collection takes them for garbage."""
    values = [CHANCE.randbytes(size) for size in (10, 500, 150_000, 160_000)] * 2
    expected: dict[str, dict[bytes, bytes]] = {}

    async def write_and_delete(branch: str) -> None:
        chance = random.Random(branch)
        for _ in range(25):
            objects = {f"{n}".encode(): chance.choice(values) for n in range(3)}
            await commit_objects(store, objects, branch=branch)
            expected[branch] = objects
            if chance.random() < 0.3:
                await branches.delete(store, "default", "data", branch)
                expected.pop(branch)
                for commit in await commits.list_commits(store, "default", "data"):
                    if commit.branch == branch:
                        await delete(store, [commit])

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as writers:
            for branch in ("left", "right", "middle"):
                writers.start_soon(write_and_delete, branch)

            async def collect_on() -> None:
                while True:
                    await collect(store, AT_ONCE)

            nursery.start_soon(collect_on)
        nursery.cancel_scope.cancel()
    await settle.clean(store)
    for branch, held in expected.items():
        assert (await content(store, f"data@{branch}")).items() >= held.items()
    await sound(store)
