from __future__ import annotations

import errno
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple

import pytest
import trio
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.model.errors import Invalid
from runner.store.blobs import PACK_BLOB_MAX_BYTES, BlobDamaged, BlobMissing, Place, StorageFailed, StoreFull
from runner.store.blobs.local import LocalBlobs
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import update
from runner.store.catalog.schema import prepare
from runner.store.catalog.sqlite import SqliteCatalog, SqliteWriteConnection
from runner.store.contents.content import (
    BlobSwept,
    Content,
    ContentLost,
    Extent,
    Slice,
    Stored,
    concatenate,
    manifest_digest,
    share,
)
from runner.store.contents.objects import BATCH_BYTES, PIECE_BYTES, Objects
from runner.store.writer import Writer
from tests.store.flaky_system import FlakySystem, failing


class Parts(NamedTuple):
    objects: Objects
    catalog: SqliteCatalog
    writer: Writer
    blobs: LocalBlobs
    system: FlakySystem


@asynccontextmanager
async def opened_parts(folder) -> AsyncIterator[Parts]:
    prepare(folder / "catalog.sqlite3")
    connection = SqliteWriteConnection(folder / "catalog.sqlite3", folder / "lock")
    catalog = SqliteCatalog(folder / "catalog.sqlite3")
    system = FlakySystem()
    blobs = LocalBlobs(folder / "blobs", system=system)
    writer = Writer(connection, blobs)
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        try:
            yield Parts(Objects(catalog, writer, blobs), catalog, writer, blobs, system)
        finally:
            writer.close()
    blobs.close()
    catalog.close()
    connection.close()


@pytest.fixture
async def parts(tmp_path):
    async with opened_parts(tmp_path) as parts:
        yield parts


class Pieces:
    """A body in pieces; raises *error* at its end."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error

    async def __aiter__(self):
        for piece in self._pieces:
            await trio.lowlevel.checkpoint()
            yield piece
        if self._error is not None:
            raise self._error


def _name(_tx, stored: Stored, md5: bytes) -> tuple[Stored, bytes]:
    return stored, md5


async def put(parts: Parts, *pieces: bytes) -> Stored:
    return (await parts.objects.put(Pieces(*pieces), _name))[0]


async def read(parts: Parts, content: Content, first: int, end: int) -> bytes:
    async with aclosing(parts.objects.read(content, first, end)) as pieces:
        return b"".join([piece async for piece in pieces])


async def _read_into(got: list[bytes], parts: Parts, content: Content, size: int) -> None:
    async with aclosing(parts.objects.read(content, 0, size)) as pieces:
        async for piece in pieces:
            got.append(piece)  # noqa: PERF401  # what came before the error counts


def rows(parts: Parts, table: str) -> int:
    return parts.catalog.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@pytest.mark.parametrize(
    "size", [0, 1, PACK_BLOB_MAX_BYTES, PACK_BLOB_MAX_BYTES + 1, BATCH_BYTES, BATCH_BYTES + 1, 3 * BATCH_BYTES + 7]
)
async def test_what_goes_in_comes_out_with_its_digests(parts, size):
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    pieces = [data[at : at + 70_001] for at in range(0, size, 70_001)]
    stored, md5 = await parts.objects.put(Pieces(*pieces), _name)
    assert (stored.digest, stored.size, md5) == (blake3(data).digest(), size, hashlib.md5(data).digest())
    assert await read(parts, stored.content, 0, size) == data
    assert await read(parts, stored.content, size // 3, size // 2) == data[size // 3 : size // 2]
    is_large = size > PACK_BLOB_MAX_BYTES
    assert len(list(parts.blobs.files())) == is_large
    assert len(list(parts.blobs.packs())) == (not is_large)


async def test_pieces_that_are_read_are_small(parts):
    stored = await put(parts, bytes(3 * PIECE_BYTES + 1))
    async with aclosing(parts.objects.read(stored.content, 0, stored.size)) as pieces:
        assert [len(piece) async for piece in pieces] == [PIECE_BYTES] * 3 + [1]


@pytest.mark.parametrize("size", [10, 2 * BATCH_BYTES])
async def test_known_bytes_are_not_stored_twice(parts, size):
    first, second = await put(parts, bytes(size)), await put(parts, bytes(size))
    assert first == second
    assert rows(parts, "blob") == 1
    stored_bytes = sum(size for _, size in parts.blobs.files())
    stored_bytes += sum(frame.size for pack, _ in parts.blobs.packs() for frame in parts.blobs.frames(pack))
    assert stored_bytes == size


@pytest.mark.parametrize("size", [10, 2 * BATCH_BYTES])
async def test_the_same_bytes_at_once_are_one_blob_and_one_file(parts, size):
    stored = []

    async def store():
        stored.append(await put(parts, bytes(size)))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(store)
    assert len(set(stored)) == 1
    assert rows(parts, "blob") == 1
    assert len(list(parts.blobs.files())) == (size > PACK_BLOB_MAX_BYTES)
    assert await read(parts, stored[0].content, 0, size) == bytes(size)


@pytest.mark.parametrize("size", [10, 2 * BATCH_BYTES])
async def test_a_new_reference_touches_the_epoch_so_that_a_collection_spares_it(parts, size):
    stored = await put(parts, bytes(size))
    await parts.writer.write(lambda tx: update(tx.db, "meta", {"value": "7"}, "name = 'gc_epoch'"))
    epoch = "SELECT epoch FROM blob"
    assert parts.catalog.db.execute(epoch).fetchone() == (0,)
    await put(parts, bytes(size))
    assert parts.catalog.db.execute(epoch).fetchone() == (7,)
    await parts.writer.write(lambda tx: update(tx.db, "meta", {"value": "8"}, "name = 'gc_epoch'"))
    await parts.writer.write(lambda tx: share(tx, stored.content))
    assert parts.catalog.db.execute(epoch).fetchone() == (8,)


@pytest.mark.parametrize("size", [10, 2 * BATCH_BYTES])
async def test_bytes_that_are_swept_between_look_up_and_write_are_stored_anew(parts, size):
    await put(parts, bytes(size))

    async def sweep_at_the_end():
        yield bytes(size)
        # The row vanishes in the very transaction group in which the put is named: it was queued before.
        parts.writer._queue.appendleft(sweep)
        parts.writer._wake.set()

    from runner.store.writer import _Request

    sweep = _Request(lambda tx, _places: tx.db.execute("DELETE FROM blob") and None, (), savepoint=True)
    stored, _ = await parts.objects.put(sweep_at_the_end(), _name)
    assert await read(parts, stored.content, 0, size) == bytes(size)


@pytest.mark.parametrize("size", [10, BATCH_BYTES + 5, 5 * BATCH_BYTES])
async def test_a_body_that_proves_false_leaves_nothing(parts, size, tmp_path):
    with pytest.raises(Invalid, match="false"):
        await parts.objects.put(Pieces(bytes(size // 2), bytes(size - size // 2), error=Invalid("false")), _name)
    assert rows(parts, "blob") == 0
    assert list(parts.blobs.files()) == []
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


async def test_cancelling_removes_the_draft(parts, tmp_path):
    async def endless():
        while True:
            await trio.lowlevel.checkpoint()
            yield bytes(BATCH_BYTES)

    async with aclosing(endless()) as body:
        with trio.move_on_after(0.1):
            await parts.objects.put(body, _name)
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
    assert rows(parts, "blob") == 0


@pytest.mark.parametrize(
    ("call", "size"), [("writev", 10), ("fdatasync", 10), ("writev", 2 * BATCH_BYTES), ("fsync", 2 * BATCH_BYTES)]
)
async def test_a_disk_that_fails_once_fails_one_write_and_names_nothing(parts, call, size):
    parts.system.fail = failing(call)
    with pytest.raises(Exception, match="Input/output error") as failure:
        await put(parts, b"x" * size)
    assert failure.value.hint
    assert rows(parts, "blob") == 0
    stored = await put(parts, b"x" * size)
    assert await read(parts, stored.content, 0, size) == b"x" * size


async def test_a_full_disk_is_told_as_such(parts):
    parts.system.fail = failing("writev", errno.ENOSPC)
    with pytest.raises(StoreFull, match="the disk is full"):
        await put(parts, bytes(2 * BATCH_BYTES))


async def test_a_name_that_is_refused_reaches_its_caller(parts):
    def refuse(_tx, _stored, _md5):
        raise Invalid("no")

    for size in (10, 2 * BATCH_BYTES):
        with pytest.raises(Invalid, match="no"):
            await parts.objects.put(Pieces(bytes(size)), refuse)


@pytest.mark.parametrize("size", [100, 3 * PIECE_BYTES])
async def test_a_flipped_byte_is_damage_and_its_last_piece_is_not_given_out(parts, size, tmp_path):
    stored = await put(parts, bytes(size))
    (path,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    data = bytearray(path.read_bytes())
    data[-size // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    got = []
    with pytest.raises(BlobDamaged, match="do not match their digest"):
        await _read_into(got, parts, stored.content, size)
    assert sum(map(len, got)) < size


async def test_bytes_that_are_gone_are_damage_and_not_absence(parts):
    stored = await put(parts, b"small")
    parts.blobs.delete(Place(pack=next(parts.blobs.packs())[0]))
    with pytest.raises(BlobMissing):
        await read(parts, stored.content, 0, 5)
    for kind in (EntryKind.BLOB, EntryKind.MANIFEST):
        with pytest.raises(ContentLost):
            await read(parts, Content(kind, 999), 0, 5)


async def test_a_read_that_the_disk_refuses_is_unavailable(parts):
    stored = await put(parts, bytes(100))
    parts.system.fail = lambda name, *_: failing("pread")(name, 0, ()) or failing("preadv")(name, 0, ())
    with pytest.raises(StorageFailed):
        await read(parts, stored.content, 0, 100)


async def test_listing_parts_makes_an_object_of_which_any_range_reads_right(parts):
    blocks = [bytes([n]) * size for n, size in enumerate((5, PACK_BLOB_MAX_BYTES + 3, 1, PIECE_BYTES + 11, 2))]
    stored = [await put(parts, block) for block in blocks]
    whole = b"".join(blocks)
    slices = [Slice(part.content, 0, part.size) for part in stored]
    joined = await parts.writer.write(lambda tx: concatenate(tx, slices))
    assert joined.size == len(whole)
    edges = [0, 1, 4, 5, 6, 5 + PACK_BLOB_MAX_BYTES + 2, 5 + PACK_BLOB_MAX_BYTES + 3, len(whole) - 3, len(whole)]
    for first in edges:
        for end in edges:
            if first <= end:
                assert await read(parts, joined.content, first, end) == whole[first:end]
    assert await parts.objects.md5(joined.content, 3, len(whole)) == hashlib.md5(whole[3:]).digest()
    nested = await parts.writer.write(
        lambda tx: concatenate(tx, [Slice(joined.content, 3, 10), Slice(joined.content, 0, 7)])
    )
    assert await read(parts, nested.content, 0, 14) == whole[3:10] + whole[:7]


async def test_ranges_that_continue_each_other_become_the_blob_they_are(parts):
    stored = await put(parts, bytes(range(100)))
    slices = [Slice(stored.content, 0, 40), Slice(stored.content, 40, 90), Slice(stored.content, 90, 100)]
    joined = await parts.writer.write(lambda tx: concatenate(tx, slices))
    assert joined.digest == stored.digest
    assert rows(parts, "extent") == 1


async def test_empty_parts_vanish_and_nothing_but_empty_parts_is_an_empty_object(parts):
    empty, some = await put(parts), await put(parts, b"some")
    joined = await parts.writer.write(
        lambda tx: concatenate(tx, [Slice(empty.content, 0, 0), Slice(some.content, 0, 4), Slice(empty.content, 0, 0)])
    )
    assert (joined.digest, await read(parts, joined.content, 0, 4)) == (some.digest, b"some")
    nothing = await parts.writer.write(lambda tx: concatenate(tx, [Slice(empty.content, 0, 0)]))
    assert (nothing.digest, nothing.size) == (empty.digest, 0)
    assert await read(parts, nothing.content, 0, 0) == b""


async def test_what_was_collected_cannot_be_shared(parts):
    for kind in (EntryKind.BLOB, EntryKind.MANIFEST):
        content = Content(kind, 999)
        with pytest.raises(BlobSwept):
            await parts.writer.write(lambda tx, content=content: share(tx, content))


def test_the_digest_of_a_manifest_is_golden():
    extents = [
        Extent(1, bytes(32), 0, 5, Place(pack=1), 6),
        Extent(2, bytes(range(32)), 7, 2**40, Place(name="x"), 2**41),
    ]
    assert manifest_digest(extents).hex() == blake3(
        b"runner.manifest/1\n"
        + bytes(32) + bytes(8) + b"\x00\x00\x00\x00\x00\x00\x00\x05"
        + bytes(range(32)) + b"\x00\x00\x00\x00\x00\x00\x00\x07" + b"\x00\x00\x01\x00\x00\x00\x00\x00"
    ).hexdigest()  # fmt: skip
    assert manifest_digest([]) == blake3(b"").digest()


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
@settings(max_examples=20, deadline=None)
def test_any_cut_of_any_concatenation_is_that_cut_of_the_bytes(tmp_path_factory, blocks, data):
    whole = b"".join(blocks)
    first = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(first, len(whole)))

    async def check():
        async with opened_parts(tmp_path_factory.mktemp("store")) as parts:
            slices = [Slice((await put(parts, block)).content, 0, len(block)) for block in blocks] or [
                Slice((await put(parts)).content, 0, 0)
            ]
            joined = await parts.writer.write(lambda tx: concatenate(tx, slices))
            assert await read(parts, joined.content, first, end) == whole[first:end]

    trio.run(check)
