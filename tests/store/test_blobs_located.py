"""Where a store keeps its blobs."""

from __future__ import annotations

import pytest
from obstore.store import MemoryStore

from runner.host.objectstores import LocationInvalid
from runner.store import StoreSettings, blobs, open_store
from runner.store.blobs import StorageFailed, located
from runner.store.blobs.located import BlobsElsewhere
from runner.store.blobs.mark import BlobsTaken, PlaceRefused, claim
from runner.store.blobs.remote import RemoteBlobs
from runner.store.check import check_store
from tests.store.world import commit_objects, content

pytestmark = pytest.mark.files


async def test_a_store_keeps_its_blobs_where_it_was_made_for_good(tmp_path):
    elsewhere = tmp_path / "shared"
    settings = StoreSettings(blobs=str(elsewhere))
    async with open_store(tmp_path / "s", settings=settings) as store:
        await commit_objects(store, {b"k": b"v" * 200_000, b"small": b"v"})
    assert len([path for path in elsewhere.rglob("*") if path.is_file()]) == 3  # a pack, a file, whose it is
    assert not (tmp_path / "s" / "blobs").exists()
    async with open_store(tmp_path / "s") as store:
        assert await content(store, "data@master") == {b"k": b"v" * 200_000, b"small": b"v"}
        assert (await check_store(store)).problems == []
    other = StoreSettings(blobs=str(tmp_path / "other"))
    with pytest.raises(BlobsElsewhere, match=str(elsewhere)):
        async with open_store(tmp_path / "s", settings=other):
            pass
    async with open_store(tmp_path / "own"):
        pass
    for place in (str(tmp_path / "own" / "blobs"), ""):
        async with open_store(tmp_path / "own", settings=StoreSettings(blobs=place)):
            pass
    with pytest.raises(BlobsElsewhere):
        async with open_store(tmp_path / "own", settings=settings):
            pass


async def test_two_stores_never_share_a_place_for_blobs(tmp_path):
    settings = StoreSettings(blobs=str(tmp_path / "shared"))
    async with open_store(tmp_path / "one", settings=settings):
        pass
    with pytest.raises(BlobsTaken, match="another store"):
        async with open_store(tmp_path / "two", settings=settings):
            pass
    async with open_store(tmp_path / "two", settings=StoreSettings(blobs=str(tmp_path / "free"))) as store:
        await commit_objects(store, {b"k": b"v"})


async def test_a_folder_for_blobs_that_is_not_there_any_more_is_not_made_anew(tmp_path):
    settings = StoreSettings(blobs=str(tmp_path / "mount"))
    async with open_store(tmp_path / "s", settings=settings):
        pass
    (tmp_path / "mount").rename(tmp_path / "unmounted")
    (tmp_path / "mount").mkdir()
    with pytest.raises(StorageFailed, match="holds no blobs"):
        async with open_store(tmp_path / "s"):
            pass


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "s3://", "s3:/bucket/x", "s3://key:secret@bucket/x", "s3://bucket/x?token=secret"]
)
async def test_a_place_for_blobs_that_makes_no_sense_is_refused_and_another_may_be_said(tmp_path, url):
    with pytest.raises(LocationInvalid) as caught:
        async with open_store(tmp_path / "s", settings=StoreSettings(blobs=url)):
            pass
    assert "secret" not in caught.value.message
    async with open_store(tmp_path / "s", settings=StoreSettings(blobs=str(tmp_path / "b"))):
        pass
    with pytest.raises(LocationInvalid) as caught:
        async with open_store(tmp_path / "s", settings=StoreSettings(blobs=url)):
            pass
    assert "secret" not in caught.value.message


async def test_a_folder_for_blobs_that_cannot_be_is_for_its_user_to_mend_and_another_may_be_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlaceRefused, match="Not a directory"):
        async with open_store(tmp_path / "s", settings=StoreSettings(blobs=str(tmp_path / "file" / "b"))):
            pass
    async with open_store(tmp_path / "s", settings=StoreSettings(blobs=str(tmp_path / "b"))):
        pass


@pytest.mark.parametrize("size", [10, 200_000])
async def test_bytes_that_a_collection_may_have_removed_before_they_had_a_row_get_none(tmp_path, monkeypatch, size):
    """A laptop that slept between the two: others collected meanwhile what nothing named."""
    client = MemoryStore()
    claim(lambda: client, "memory://", "f" * 32)
    remote = RemoteBlobs("memory://", lambda: client, "f" * 32)
    monkeypatch.setattr(located, "open_blobs", lambda *_: remote)
    async with open_store(tmp_path / "s") as store:
        await commit_objects(store, {b"k": b"v"})
        monkeypatch.setattr(blobs, "NAMED_WITHIN_SECONDS", -1)
        with pytest.raises(StorageFailed, match="too long"):
            await commit_objects(store, {b"k": b"x" * size})
        assert await content(store, "data@master") == {b"k": b"v"}
