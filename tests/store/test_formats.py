"""A store that an earlier release left is the same store in this one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runner.model.address import parse
from runner.model.commit import CommitState
from runner.model.job import JobKey, JobState
from runner.model.provenance import ReadKind
from runner.store import open_store
from runner.store.catalog.sqlite import CATALOG_NAME
from runner.store.check import check_store
from runner.store.collect import Graces, collect
from runner.store.history import commits
from runner.store.jobs import joblog, jobs
from tests.store.world import commit_objects, content

pytestmark = pytest.mark.sqlite

FORMATS = Path(__file__).with_name("formats")


@pytest.fixture(params=sorted(path.name for path in FORMATS.iterdir()))
def folder(request, tmp_path):
    """Put a store together that has the form of an earlier release, as files."""
    given = FORMATS / request.param
    folder = tmp_path / "store"
    shutil.copytree(given / "blobs", folder / "blobs")
    with closing(sqlite3.connect(folder / CATALOG_NAME)) as db:
        db.executescript((given / "catalog.sql").read_text())
    return folder


async def test_a_store_of_an_earlier_release_is_sound_and_holds_what_it_held(folder):
    async with open_store(folder) as store:
        assert (await check_store(store)).problems == []
        assert await content(store, "data@master") == {b"a": b"three\n", b"x/b": b"two\n"}
        assert await content(store, "data@dev") == await content(store, "data@master^")
        assert await content(store, "data@master.1") == {b"a": b"one\n", b"x/b": b"two\n"}
        assert await content(store, "copy@master") == {b"a": b"three\n"}
        assert await content(store, "copy@master^") == {b"a": b"one\n"}
        failed, last, first = await jobs.list_jobs(store, "default", "copy")
        assert [job.state for job in (failed, last, first)] == [JobState.FAILURE, JobState.SUCCESS, JobState.SUCCESS]
        quarantined = await commits.resolve(store, parse(f"copy@{failed.key.id}"))
        assert quarantined.state is CommitState.QUARANTINED
        made = await commits.resolve(store, parse("copy@master"))
        assert made.id == last.key.id
        key = JobKey("default", "copy", last.key.id)
        record = await jobs.record(store, key)
        assert record is not None
        assert [each["key"] for each in record["observed"]] == ["a"]
        assert [(read.key, read.op) for read in await jobs.observed(store, key)] == [(b"a", ReadKind.GET)]
        assert "told" in [line["message"] for _, line in await joblog.read(store, key)]


async def test_a_store_of_an_earlier_release_goes_on(folder):
    async with open_store(folder) as store:
        head = await commits.resolve(store, parse("data@master"))
        made = await commit_objects(store, {b"new": b"bytes"}, gone=[b"x/b"])
        assert made.parent == head.id
        assert await content(store, "data@master") == {b"a": b"three\n", b"new": b"bytes"}
        assert (await collect(store, Graces(0, 0))).commits == 1
        assert (await check_store(store)).problems == []
    assert len(list(folder.glob(f"{CATALOG_NAME}.format-*"))) == 1
