from __future__ import annotations

import pytest

from runner.model.entry import Attributes, ChecksumAlgorithm
from runner.store.buckets.storeview import StoreView
from runner.store.buckets.storeview.names import BucketName, name_of, parse
from runner.store.history import projects, repos
from runner.store.history.repos import NoSuchRepo
from runner.store.jobs import pipelines
from runner.store.refusals import AccessDenied, BucketNotEmpty, InvalidBucketName, NoSuchBucket
from runner.store.writing import branches
from runner.store.writing.bursts import open_bursts
from runner.store.writing.changes import open_change
from tests.store.contract_view import ViewContract
from tests.store.world import NO_ATTRIBUTES, PIPELINE, Body, commit_objects, list_all, read_all

OBJECTS = {b"a/1": b"one", b"a/2": b"", b"b": b"bytes"}


@pytest.fixture
async def view(store):
    async with open_bursts(store) as bursts:
        yield StoreView(store, bursts, project="default")


@pytest.fixture
async def data(store, view):
    commit = await commit_objects(store, OBJECTS)
    return await view.get_bucket(f"{commit.id[:12]}.master.data")


@pytest.fixture
async def out(view):
    return await view.create_bucket("out")


class TestBranch(ViewContract):
    pass


async def names(view):
    return [bucket.name for bucket in await view.list_buckets()]


async def test_every_branch_is_a_bucket_and_master_is_called_as_its_repo(store, view):
    await projects.create(store, "lab")
    for project, branch in (("default", "master"), ("default", "dev"), ("lab", "master")):
        async with open_change(store, project, "a", branch) as change:
            await change.put(f"{project} {branch}".encode(), Body(b"x"), NO_ATTRIBUTES)
            await change.commit()
    assert await names(view) == ["a", "dev.a", "master.a.lab"]
    for name, key in (
        ("a", b"default master"),
        ("master.a", b"default master"),
        ("master.a.default", b"default master"),
        ("dev.a", b"default dev"),
        ("master.a.lab", b"lab master"),
    ):
        bucket = await view.get_bucket(name)
        assert (bucket.name, bucket.is_writable) == (name, True)
        assert await list_all(bucket) == [key]


@pytest.mark.parametrize(
    "name", ["none", "dev.data", "master.data.none", "a.b.c.d", "a..b", "", ".", "a/b", "ä", "0123456789ab.master.data"]
)
async def test_no_other_name_is_a_bucket(data, view, name):
    with pytest.raises(NoSuchBucket):
        await view.get_bucket(name)
    with pytest.raises(NoSuchBucket):
        await view.delete_bucket(name)


async def test_a_commit_is_only_read_and_stays_what_it_was(store, view):
    first = await commit_objects(store, OBJECTS)
    await commit_objects(store, {b"c": b"later"}, gone=[b"b"])
    for digits in (first.id, first.id[:12]):
        old = await view.get_bucket(f"{digits}.master.data")
        assert await list_all(old) == sorted(OBJECTS)
    source = await old.get(b"b")
    assert await read_all(source) == b"bytes"
    for write in (
        old.put(b"k", Body(), Attributes()),
        old.copy(b"k", source, Attributes()),
        old.delete(b"b"),
        old.create_upload(b"k", Attributes(), ChecksumAlgorithm.CRC32),
        view.create_bucket(f"{first.id[:12]}.master.data"),
        view.delete_bucket(f"{first.id[:12]}.master.data"),
    ):
        with pytest.raises(AccessDenied):
            await write
    for name in (f"{first.id[:11]}.master.data", f"{first.id}.none.data", f"{first.id}.master.none"):
        with pytest.raises(NoSuchBucket):
            await view.get_bucket(name)


async def test_a_branch_is_its_head_and_what_is_staged(store, view):
    await commit_objects(store, OBJECTS)
    bucket = await view.get_bucket("data")
    await bucket.put(b"b", Body(b"staged"), NO_ATTRIBUTES)
    await bucket.delete(b"a/1")
    assert await list_all(bucket) == [b"a/2", b"b"]
    assert await read_all(await bucket.get(b"b")) == b"staged"
    other = await view.get_bucket("master.data")
    assert await list_all(other) == [b"a/2", b"b"]


async def test_the_output_branch_of_a_pipeline_is_only_read(store, view):
    await pipelines.register(store, PIPELINE)
    await branches.create(store, "default", "double", "mine")
    bucket = await view.get_bucket("double")
    assert not bucket.is_writable
    for write in (
        bucket.put(b"k", Body(), NO_ATTRIBUTES),
        bucket.delete(b"k"),
        bucket.create_upload(b"k", NO_ATTRIBUTES),
        view.delete_bucket("double"),
    ):
        with pytest.raises(AccessDenied):
            await write
    await (await view.get_bucket("mine.double")).put(b"k", Body(), NO_ATTRIBUTES)
    assert (await view.create_bucket("double")).is_writable is False


async def test_a_bucket_that_is_made_again_keeps_what_it_holds(view):
    await (await view.create_bucket("dev.data")).put(b"k", Body(b"x"), NO_ATTRIBUTES)
    assert await list_all(await view.create_bucket("dev.data")) == [b"k"]
    assert await names(view) == ["dev.data"]


async def test_a_bucket_goes_when_it_is_empty_and_the_repo_with_its_last_branch(store, view):
    for name in ("data", "dev.data"):
        bucket = await view.create_bucket(name)
        await bucket.put(b"k", Body(b"x"), NO_ATTRIBUTES)
        with pytest.raises(BucketNotEmpty):
            await view.delete_bucket(name)
        await bucket.delete(b"k")
    upload = await bucket.create_upload(b"k", NO_ATTRIBUTES)
    await view.delete_bucket("dev.data")
    assert await names(view) == ["data"]
    for late in (bucket.put(b"k", Body(), NO_ATTRIBUTES), bucket.delete(b"k"), bucket.list(b"", b"", b"")):
        with pytest.raises(NoSuchBucket):
            await late
    await view.delete_bucket("data")
    with pytest.raises(NoSuchRepo):
        await repos.inspect(store, "default", "data")
    again = await view.create_bucket("dev.data")
    assert await again.list_uploads(b"", b"", "", 10) == ([], False)
    with pytest.raises(NoSuchBucket):
        await bucket.put_part(upload, 1, Body())


SHORT_LONG_OR_ODD = (
    "a",
    "ab",
    "a" * 64,
    "a_b",
    "_ab",
    "ab-",
    "-ab",
    "a..b",
    "a.-b",
    "a-.b",
    "abc.",
    ".abc",
    "a b",
    "Upper",
)
OF_ANOTHER_FORM = ("a.b.c.d", "192.168.5.123", "0123456789ab", "dev.0123456789ab", "0123456789ab.dev", "b.r.noproject")


@pytest.mark.parametrize("name", SHORT_LONG_OR_ODD + OF_ANOTHER_FORM)
async def test_names_that_s3_or_the_store_refuse_make_no_bucket(view, name):
    with pytest.raises(InvalidBucketName):
        await view.create_bucket(name)
    assert await names(view) == []


@pytest.mark.parametrize("name", ["abc", "a-1", "0aaa.111", "a" * 63, "dev.my-data", "dev.data.default"])
async def test_names_that_s3_allows_make_one(view, name):
    assert (await view.create_bucket(name)).name == name
    await view.get_bucket(name)
    await view.delete_bucket(name)
    assert await names(view) == []


def test_a_name_is_read_back_as_what_it_was_made_of():
    for bucket in (
        BucketName("default", "r", "master"),
        BucketName("default", "r", "dev"),
        BucketName("lab", "r", "master"),
        BucketName("lab", "R_1", "dev"),
    ):
        for project in ("default", "lab", "other"):
            assert parse(name_of(bucket, project), project) == bucket
