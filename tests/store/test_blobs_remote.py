"""What lies in an object store; real ones are tried in the system lane."""

from __future__ import annotations

import obstore
import pytest
from obstore.store import MemoryStore

from runner.store.blobs import BlobDamaged, Place
from runner.store.blobs.blocks import BLOCK_BYTES, KEPT_BYTES, Blocks
from runner.store.blobs.mark import BlobsTaken, claim
from runner.store.blobs.remote import AHEAD_BYTES, PART_BYTES, PARTS_MAX, BlobTooLarge, RemoteBlobs
from tests.store.contract_blobs import BackendContract, payload_of, publish, stored

STORE = "0123456789abcdef" * 2
URL = "memory://blobs"
MIB = 1024 * 1024


@pytest.fixture
def client():
    return MemoryStore()


@pytest.fixture
def blobs(client):
    claim(lambda: client, URL, STORE)
    return Counting(URL, lambda: client, STORE)


class Counting(RemoteBlobs):
    """Knows what it was asked for."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.asked: list[tuple[int, int]] = []

    def fetch(self, path: str, first: int, size: int) -> bytes:
        self.asked.append((first, size))
        return super().fetch(path, first, size)


class TestRemote(BackendContract):
    pass


def test_who_reads_in_order_asks_for_more_each_time_up_to_a_bound_and_others_for_what_they_want(blobs):
    data = bytes(range(256)) * (20 * MIB // 256)
    place = publish(blobs, data)
    opened = blobs.open(place)
    step = MIB // 2
    for at in range(0, len(data), step):
        assert (opened.read_nowait(at, step) or opened.read(at, step)) == data[at : at + step]
    sizes = [size for _, size in blobs.asked]
    assert sizes[:4] == [step, 2 * step, 4 * step, 8 * step]
    assert max(sizes) == AHEAD_BYTES
    assert len(sizes) == 8
    blobs.asked.clear()
    opened = blobs.open(place)
    for at in (5 * MIB, 17, 11 * MIB):
        assert opened.read(at, 100) == data[at : at + 100]
    assert [size for _, size in blobs.asked] == [100, 100, 100]


def test_small_blobs_of_one_pack_are_asked_for_together(blobs, client):
    places = blobs.append([payload_of(b"%04d" % n * 100) for n in range(1000)])
    assert [stored(blobs, place, 4) for place in places[:3]] == [b"0000", b"0001", b"0002"]
    assert blobs.asked == []  # what was just written is here
    fresh = Counting(URL, lambda: client, STORE)
    assert [stored(fresh, place, 4) for place in places] == [b"%04d" % n for n in range(1000)]
    assert [size for _, size in fresh.asked] == [BLOCK_BYTES, BLOCK_BYTES]


def test_a_pack_that_is_cut_short_is_damaged_and_not_missing(blobs, client):
    first, last = blobs.append([payload_of(b"a" * 100), payload_of(b"b" * 100)])
    path = f"packs/{first.pack:016x}.pack"
    obstore.put(client, path, bytes(obstore.get(client, path).bytes())[:-1])
    fresh = RemoteBlobs(URL, lambda: client, STORE)
    assert stored(fresh, first, 100) == b"a" * 100
    with pytest.raises(BlobDamaged, match=f"{URL}/{path}"):
        stored(fresh, last, 100)
    obstore.put(client, path, b"")
    with pytest.raises(BlobDamaged):
        stored(RemoteBlobs(URL, lambda: client, STORE), last, 100)
    assert list(fresh.frames(first.pack)) == []


def test_a_blob_of_more_parts_than_there_may_be_is_refused_before_it_is_sent(blobs):
    draft = blobs.create()
    draft._size = PARTS_MAX * PART_BYTES
    with pytest.raises(BlobTooLarge, match="no piece of more than 83,886,080,000 bytes"):
        draft.write(b"x")
    draft.discard()
    assert list(blobs.files()) == []


def test_a_place_of_another_store_is_not_even_read(blobs, client):
    (place,) = blobs.append([payload_of(b"theirs")])
    other = RemoteBlobs(URL, lambda: client, "f" * 32)
    for attempt in (lambda: stored(other, place, 6), lambda: other.delete(place), lambda: list(other.files())):
        with pytest.raises(BlobsTaken):
            attempt()
    assert stored(blobs, place, 6) == b"theirs"


def test_blocks_hold_no_more_than_they_may():
    blocks = Blocks()
    for pack in range(2 * KEPT_BYTES // BLOCK_BYTES):
        blocks.keep(pack, 0, bytes(BLOCK_BYTES))
        blocks.read(0, 0, 1)  # what is used stays
    held = [pack for pack in range(2 * KEPT_BYTES // BLOCK_BYTES) if blocks.read(pack, 0, 1) is not None]
    assert len(held) == KEPT_BYTES // BLOCK_BYTES
    assert held[0] == 0
    blocks.forget(0)
    assert blocks.read(0, 0, 1) is None


def test_a_range_that_spans_blocks_is_whole():
    blocks = Blocks()
    data = bytes(range(256)) * 3072
    blocks.keep(7, 0, data)
    for first, size in ((BLOCK_BYTES - 2, 4), (0, len(data)), (2 * BLOCK_BYTES, 5), (len(data) - 1, 1)):
        assert blocks.read(7, first, size) == data[first : first + size]
    assert blocks.read(7, len(data) - 2, 2) == data[-2:]


def test_the_names_of_places_are_not_of_this_machine(blobs):
    place = publish(blobs, b"x" * 200_000)
    assert place == Place(name=place.name)
    assert len(place.name or "") == 32
