"""Blobs in real object stores, those of S3, Google and Azure."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import obstore
import pytest
import trio

from runner.host import objectstores
from runner.store import StoreSettings, open_store
from runner.store.blobs import BlobMissing, Place, StorageFailed
from runner.store.blobs.located import open_blobs, take
from runner.store.blobs.mark import MARK, BlobsTaken, PlaceRefused
from runner.store.check import check_store
from runner.store.collect import Graces, collect
from runner.store.history import removal
from tests.store.contract_blobs import BackendContract, digest_of, payload_of, publish, stored
from tests.store.world import commit_objects, content
from tests.system.objectstores import of_scheme, running
from tests.system.processes import wait_until

STORE = "0123456789abcdef" * 2
AWAY_SECONDS = 1.0

pytestmark = pytest.mark.timeout(900)  # servers may be built first


@pytest.fixture(scope="module", params=["s3", "gs", "az"])
def server(request, built, tmp_path_factory):
    store = of_scheme(request.param, built, tmp_path_factory.mktemp(request.param))
    with running(store), pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        yield store


@pytest.fixture
def place(server):
    url = server.place()
    take(url, STORE, AWAY_SECONDS)
    return url


@pytest.fixture
def blobs(place, tmp_path):
    return open_blobs(place, tmp_path, STORE, AWAY_SECONDS)


class TestObjectStore(BackendContract):
    pass


def test_a_blob_of_many_parts_reads_back_in_order_and_by_range(blobs):
    data = random.Random(1).randbytes(20 * 2**20 + 7)
    place = publish(blobs, *(data[at : at + 256 * 1024] for at in range(0, len(data), 256 * 1024)))
    opened = blobs.open(place)
    step = 512 * 1024
    assert b"".join(opened.read(at, min(step, len(data) - at)) for at in range(0, len(data), step)) == data
    for first, size in ((8 * 2**20 - 3, 6), (0, 1), (len(data) - 1, 1), (12_345_678, 70_000)):
        assert opened.read(first, size) == data[first : first + size]
    opened.close()


def test_a_draft_of_many_parts_that_is_given_up_leaves_nothing_not_even_parts(blobs, server):
    draft = blobs.create()
    for _ in range(80):
        draft.write(bytes(256 * 1024))
    if server.scheme == "s3":
        wait_until(lambda: len(parts_under_way(server.client())) == 2, 30)  # one that is on its way may come later
    draft.discard()
    assert list(blobs.files()) == []
    if server.scheme == "s3":
        assert parts_under_way(server.client()) == []


def parts_under_way(client) -> list[object]:
    """Return the parts of all uploads that are neither completed nor aborted."""
    uploads = client.list_multipart_uploads(Bucket="blobs").get("Uploads", [])
    named = [{"Key": each["Key"], "UploadId": each["UploadId"]} for each in uploads]
    return [part for each in named for part in client.list_parts(Bucket="blobs", **each).get("Parts", [each])]


def test_more_small_blobs_than_a_pack_takes_are_some_packs(blobs):
    chance = random.Random(2)
    group = [payload_of(chance.randbytes(100_000)) for _ in range(100)]
    places = blobs.append(group)
    assert len({place.pack for place in places}) == len(list(blobs.packs())) == 2
    assert [stored(blobs, place, 100_000) for place in places] == [payload.data for payload in group]


def test_more_than_a_page_of_objects_is_listed_and_removed(blobs, server):
    count = 1_100 if server.scheme == "s3" else 20  # others have larger pages than a test should fill
    with ThreadPoolExecutor(16) as threads:
        places = [place for (place,) in threads.map(lambda n: blobs.append([payload_of(b"%d" % n)]), range(count))]
    assert {pack for pack, _ in blobs.packs()} == {place.pack for place in places}
    blobs.delete(Place(pack=1), *places)
    assert list(blobs.packs()) == []


def test_what_is_read_again_of_packs_takes_no_waiting(blobs, place, tmp_path):
    places = blobs.append([payload_of(b"%04d" % n) for n in range(100)])
    fresh = open_blobs(place, tmp_path, STORE, AWAY_SECONDS)
    opened = [fresh.open(each) for each in places]
    assert opened[0].read_nowait(0, 4) is None
    assert opened[0].read(0, 4) == b"0000"
    assert [each.read_nowait(0, 4) for each in opened] == [b"%04d" % n for n in range(100)]


def test_a_place_is_taken_once(place, tmp_path):
    take(place, STORE, AWAY_SECONDS)
    with pytest.raises(BlobsTaken, match=STORE):
        take(place, "f" * 32, AWAY_SECONDS)
    other = open_blobs(place, tmp_path, "f" * 32, AWAY_SECONDS)
    with pytest.raises(BlobsTaken):
        other.append([payload_of(b"x")])
    with pytest.raises(BlobsTaken):
        list(other.packs())


def test_an_object_that_is_gone_is_missing_and_a_place_that_is_gone_is_out_of_reach(blobs, place):
    kept = publish(blobs, b"x" * 200_000)
    client = objectstores.locate(place, "blobs").open(AWAY_SECONDS)
    obstore.delete(client, f"files/{kept.name}")
    with pytest.raises(BlobMissing):
        stored(blobs, kept, 10)
    obstore.delete(client, MARK)
    with pytest.raises(StorageFailed, match="holds no blobs of a store any more"):
        stored(blobs, kept, 10)


def test_a_bucket_that_is_not_there_is_one_clear_sentence(server):
    with pytest.raises(
        PlaceRefused, match=rf"cannot use {server.scheme}://no-such-bucket/x: .* answered 404"
    ) as caught:
        take(f"{server.scheme}://no-such-bucket/x", STORE, AWAY_SECONDS)
    assert "\n" not in caught.value.message


def test_a_store_that_is_away_is_so_within_the_time_and_names_no_secret(blobs, server, place):
    kept = publish(blobs, b"x" * 200_000)
    server.kill()
    try:
        began = time.monotonic()
        for attempt in (
            lambda: blobs.append([payload_of(b"x")]),
            lambda: stored(blobs, kept, 10),
            lambda: publish(blobs, b"y" * 200_000),
            lambda: list(blobs.files()),
        ):
            with pytest.raises(StorageFailed) as caught:
                attempt()
            assert place in caught.value.message
            assert server.secret not in caught.value.message
        assert time.monotonic() - began < 4 * (AWAY_SECONDS + 7)
    finally:
        server.start()
    assert stored(blobs, kept, 200_000) == b"x" * 200_000


def test_credentials_that_are_wrong_are_one_clear_sentence(server, place, tmp_path, monkeypatch):
    if server.scheme == "gs":
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", "{}")
    else:
        name = next(name for name, value in os.environ.items() if value == server.secret)
        monkeypatch.setenv(name, "bm90LXRoZS1zZWNyZXQ=")
    blobs = open_blobs(place, tmp_path, STORE, AWAY_SECONDS)
    with pytest.raises(StorageFailed, match=f"cannot use {place}: ") as caught:
        blobs.append([payload_of(b"x")])
    assert "bm90LXRoZS1zZWNyZXQ=" not in caught.value.message
    assert "credentials" in caught.value.hint
    with pytest.raises(PlaceRefused) as refused:  # of a new store no job waits
        take(server.place(), STORE, AWAY_SECONDS)
    assert "bm90LXRoZS1zZWNyZXQ=" not in refused.value.message


async def test_a_collection_puts_small_packs_together_and_loses_nothing(place, tmp_path):
    at_once = Graces(0, 0)
    url = f"{place}/store"
    async with open_store(tmp_path / "store", settings=StoreSettings(blobs=url, retry_seconds=AWAY_SECONDS)) as store:
        objects = {b"%d" % n: b"content %d" % n for n in range(6)}
        for key, data in objects.items():
            await commit_objects(store, {key: data})
        await commit_objects(store, {b"large": bytes(200_000)}, repo="other")
        assert len(list(store.blobs.packs())) == 6
        await removal.delete_repo(store, "default", "other")
        assert (await collect(store, at_once)).freed_bytes == 200_000
        assert len({pack for (pack,) in store.catalog.db.execute("SELECT pack FROM blob")}) == 1
        assert (await collect(store, at_once)).freed_bytes == 0  # what is emptied may have a reader, whatever is said
        assert len(list(store.blobs.packs())) == 7
        assert await content(store, "data@master") == objects
        assert (await check_store(store)).problems == []


def test_a_flipped_byte_is_seen_by_whoever_reads_the_pack_anew(blobs, place):
    (kept,) = blobs.append([payload_of(b"sound")])
    assert kept.pack is not None
    client = objectstores.locate(place, "blobs").open(AWAY_SECONDS)
    path = f"packs/{kept.pack:016x}.pack"
    data = bytearray(obstore.get(client, path).bytes())
    data[kept.offset] ^= 1
    obstore.put(client, path, bytes(data))
    (frame,) = blobs.frames(kept.pack)
    assert frame.digest == digest_of(b"sound")
    assert stored(blobs, kept, 5) != b"sound"


async def test_who_writes_to_a_store_that_is_away_can_be_stopped_at_once(server, place, tmp_path):
    settings = StoreSettings(blobs=f"{place}/store", retry_seconds=20)
    async with open_store(tmp_path / "store", settings=settings) as store:
        await commit_objects(store, {b"k": b"v"})
        server.kill()
        try:
            for data in (b"small", b"large" * 100_000):
                began = trio.current_time()
                with trio.move_on_after(1) as scope:
                    await commit_objects(store, {b"k": data})
                assert scope.cancelled_caught
                assert trio.current_time() - began < 12  # a draft has 5 seconds to be removed
        finally:
            server.start()
        assert await content(store, "data@master") == {b"k": b"v"}
        await commit_objects(store, {b"k": b"again"})
        assert (await check_store(store)).problems == []
