from __future__ import annotations

import fcntl
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from runner.store.blobs import Payload, StoreFull
from runner.store.blobs.memory import MemoryBlobs
from runner.store.catalog.sqlite import SqliteCatalog, SqliteWriteConnection
from runner.store.refusals import NoSuchKey
from runner.store.writer import StoreUnavailable, Writer

pytestmark = pytest.mark.sqlite


class CountingBlobs(MemoryBlobs):
    """Counts the groups that were appended; refuses them while it is full."""

    is_full = False

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []

    def append(self, payloads):
        if self.is_full:
            raise StoreFull("no room")
        self.groups.append(len(payloads))
        return super().append(payloads)


@pytest.fixture
async def parts(tmp_path):
    connection = SqliteWriteConnection(tmp_path / "db", tmp_path / "lock")
    with connection.begin() as tx:
        tx.db.execute("CREATE TABLE line (text TEXT)")
    blobs = CountingBlobs()
    writer = Writer(connection, blobs)
    catalog = SqliteCatalog(tmp_path / "db")
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        yield writer, catalog, blobs, connection
        writer.close()
    catalog.close()
    connection.close()


def lines(catalog):
    return sorted(text for (text,) in catalog.db.execute("SELECT text FROM line"))


def insert(text, error=None):
    def function(tx):
        tx.db.execute("INSERT INTO line VALUES (?)", (text,))
        if error is not None:
            raise error
        return text

    return function


async def test_a_request_gets_its_result_and_is_read_at_once(parts):
    writer, catalog, _, _ = parts
    assert await writer.write(insert("a")) == "a"
    assert lines(catalog) == ["a"]


async def test_an_error_is_its_own_requests_alone_and_undoes_it_alone(parts):
    writer, catalog, _, _ = parts
    failed = []

    async def write(number):
        error = NoSuchKey(str(number)) if number % 3 == 0 else None
        try:
            await writer.write(insert(f"{number:02}", error))
        except NoSuchKey:
            failed.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(write, number)
    assert sorted(failed) == list(range(0, 30, 3))
    assert lines(catalog) == [f"{number:02}" for number in range(30) if number % 3]


async def test_payloads_of_a_group_are_appended_at_once_and_each_gets_its_own_place(parts):
    writer, _, blobs, _ = parts
    places = {}

    async def write(number):
        payload = Payload(b"%032d" % number, b"%d" % number)
        places[number] = await writer.write_payload(payload, lambda _tx, place: place)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(write, number)
    assert len(blobs.groups) < 10
    for number, place in places.items():
        assert blobs.open(place).read(0, len(str(number))) == b"%d" % number


async def test_no_room_for_payloads_is_said_to_each_and_ends_nothing(parts):
    writer, catalog, blobs, _ = parts
    blobs.is_full = True
    with pytest.raises(StoreUnavailable, match="no room"):
        await writer.write_payload(Payload(b"0" * 32, b"x"), lambda tx, _place: insert("a")(tx))
    blobs.is_full = False
    await writer.write(insert("b"))
    assert lines(catalog) == ["b"]


async def test_a_full_disk_fails_the_whole_group_and_the_next_one_works(parts):
    writer, catalog, _, connection = parts
    connection._db.execute("PRAGMA max_page_count = 3")
    failed = []

    async def write(number):
        try:
            await writer.write(insert("x" * 20_000))
        except StoreUnavailable:
            failed.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(write, number)
    assert len(failed) == 5
    connection._db.execute("PRAGMA max_page_count = 100000")
    await writer.write(insert("small"))
    assert lines(catalog) == ["small"]


@contextmanager
def another_process(path):
    """Hold the writers' lock as another process would: through a file description of its own."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def test_a_cancelled_request_that_had_not_begun_never_happens(parts, tmp_path):
    writer, catalog, _, _ = parts
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            with another_process(tmp_path / "lock"):
                nursery.start_soon(writer.write, insert("begun"))
                await trio.testing.wait_all_tasks_blocked(0.01)
                nursery.start_soon(writer.write, insert("waiting"))
                await trio.testing.wait_all_tasks_blocked(0.01)
                assert len(writer._queue) == 1
                scope.cancel()
                await trio.lowlevel.cancel_shielded_checkpoint()
                await trio.lowlevel.cancel_shielded_checkpoint()
                assert not writer._queue
    assert scope.cancelled_caught
    assert lines(catalog) == ["begun"]


async def test_the_log_is_truncated_at_the_end(tmp_path):
    connection = SqliteWriteConnection(tmp_path / "db", tmp_path / "lock")
    writer = Writer(connection, MemoryBlobs())
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        await writer.write(lambda tx: tx.db.execute("CREATE TABLE line (text TEXT)"))
        for number in range(200):
            await writer.write(insert(str(number)))
        writer.close()
    assert (tmp_path / "db-wal").stat().st_size == 0
    connection.close()
