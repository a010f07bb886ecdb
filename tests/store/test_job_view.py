from __future__ import annotations

import pytest
import trio

from runner.model.entry import Attributes, ChecksumAlgorithm
from runner.store.jobs.reads import Traffic
from runner.store.refusals import AccessDenied, BucketAlreadyOwned, NoSuchBucket, NoSuchKey, NoSuchUpload, ViewClosed
from tests.store.contract_view import ViewContract
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, list_all, open_session, read_all

OBJECTS = {b"a/1": b"one", b"a/2": b"", b"b": b"bytes"}


@pytest.fixture
async def session(store):
    async with await open_session(store, OBJECTS) as opened:
        yield opened


@pytest.fixture
async def attempt(session):
    return await session.open_attempt(DATUM, 1)


@pytest.fixture
async def view(attempt):
    return attempt.view


@pytest.fixture
async def out(view):
    return await view.get_bucket("out")


@pytest.fixture
async def data(view):
    return await view.get_bucket("data")


class TestOut(ViewContract):
    pass


async def test_a_job_sees_its_inputs_and_out(view):
    assert [(bucket.name, bucket.is_writable) for bucket in await view.list_buckets()] == [
        ("data", False),
        ("out", True),
    ]


async def test_buckets_are_neither_made_nor_deleted(view):
    with pytest.raises(NoSuchBucket):
        await view.get_bucket("other")
    with pytest.raises(BucketAlreadyOwned):
        await view.create_bucket("data")
    with pytest.raises(AccessDenied):
        await view.create_bucket("other")
    with pytest.raises(AccessDenied):
        await view.delete_bucket("out")
    with pytest.raises(NoSuchBucket):
        await view.delete_bucket("other")


async def test_an_input_is_only_read(data):
    source = await data.get(b"b")
    writes = [
        data.put(b"k", Body(), Attributes()),
        data.copy(b"k", source, Attributes()),
        data.delete(b"b"),
        data.create_upload(b"k", Attributes(), ChecksumAlgorithm.CRC32),
    ]
    for write in writes:
        with pytest.raises(AccessDenied):
            await write
    with pytest.raises(NoSuchUpload):
        await data.get_upload(b"k", "0")
    assert await data.list_uploads(b"", b"", "", 10) == ((), False)
    assert await list_all(data) == sorted(OBJECTS)
    assert await read_all(source) == b"bytes"


async def test_after_the_end_nothing_is_read_or_written(attempt, view, out, data):
    reader = await data.get(b"b")
    await attempt.close(keep=True, exit=None, reason="")
    late = [
        view.list_buckets(),
        view.get_bucket("out"),
        out.put(b"k", Body(b"late"), NO_ATTRIBUTES),
        out.delete(b"k"),
        out.head(b"k"),
        data.get(b"b"),
        data.list(b"", b"", b""),
        out.create_upload(b"k", NO_ATTRIBUTES),
        out.list_uploads(b"", b"", "", 1),
        read_all(reader),
    ]
    for request in late:
        with pytest.raises(ViewClosed):
            await request


@pytest.mark.parametrize("size", [10, 300_000])
async def test_a_body_that_is_still_coming_at_the_end_leaves_nothing(session, attempt, out, size):
    coming = trio.Event()

    class Endless(Body):
        async def __aiter__(self):
            yield b"x" * size
            coming.set()
            await trio.sleep_forever()

    async def put():
        with pytest.raises(ViewClosed):
            await out.put(b"late", Endless(), NO_ATTRIBUTES)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(put)
        await coming.wait()
        await out.put(b"in time", Body(b"1"), NO_ATTRIBUTES)
        await attempt.close(keep=True, exit=None, reason="")
    await session.seal()
    assert (await session.summary()).objects == 1


async def test_writes_at_the_end_are_acknowledged_and_kept_or_refused_and_gone(session, attempt, out):
    acknowledged = set()
    some = trio.Event()

    async def put(number: int) -> None:
        key = b"%03d" % number
        try:
            await out.put(key, Body(b"x"), NO_ATTRIBUTES)
        except ViewClosed:
            return
        acknowledged.add(key)
        some.set()

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(put, number)
        await some.wait()
        await attempt.close(keep=True, exit=None, reason="")
    await session.seal()
    commit = await session.commit({})
    assert commit.objects == len(acknowledged) > 0


async def test_a_second_attempt_sees_nothing_of_a_failed_first(session, attempt, out):
    await out.put(b"k", Body(b"first"), NO_ATTRIBUTES)
    await attempt.close(keep=False, exit=None, reason="failed")
    second = await session.open_attempt(DATUM, 2)
    again = await second.view.get_bucket("out")
    assert await list_all(again) == []
    await second.close(keep=True, exit=None, reason="")
    await session.seal()
    assert (await session.commit({})).objects == 0


async def test_a_later_datum_sees_and_may_delete_what_an_earlier_one_put(session, attempt, out):
    await out.put(b"a", Body(b"1"), NO_ATTRIBUTES)
    await out.put(b"b", Body(b"1"), NO_ATTRIBUTES)
    await attempt.close(keep=True, exit=None, reason="")
    second = await session.open_attempt("e" * 64, 1)
    again = await second.view.get_bucket("out")
    await again.delete(b"a")
    await again.put(b"c", Body(b"2"), NO_ATTRIBUTES)
    assert await list_all(again) == [b"b", b"c"]
    await second.close(keep=True, exit=None, reason="")
    await session.seal()
    assert (await session.commit({})).objects == 2


async def test_an_upload_that_is_never_completed_is_dropped_and_counted(attempt, out):
    upload = await out.create_upload(b"k", NO_ATTRIBUTES)
    await out.put_part(upload, 1, Body(b"x"))
    kept = await attempt.close(keep=True, exit=None, reason="")
    assert (attempt.dropped_uploads, kept.objects) == (1, 0)


async def test_out_that_is_not_readable_seems_empty(store):
    async with await open_session(store, {}, output_readable=False) as session:
        attempt = await session.open_attempt(DATUM, 1)
        out = await attempt.view.get_bucket("out")
        await out.put(b"k", Body(b"x"), NO_ATTRIBUTES)
        with pytest.raises(NoSuchKey):
            await out.head(b"k")
        with pytest.raises(NoSuchKey):
            await out.get(b"k")
        assert await list_all(out) == []


async def test_traffic_is_counted_live(session, out, data):
    await read_all(await data.get(b"b"), 1, 4)
    with pytest.raises(NoSuchKey):
        await data.head(b"nope")
    await out.put(b"k", Body(b"four"), NO_ATTRIBUTES)
    assert session.traffic() == {
        "data": Traffic(objects_read=1, bytes_read=3, requests=2, failed=1, total_objects=3),
        "out": Traffic(objects_written=1, bytes_written=4, requests=1),
    }
