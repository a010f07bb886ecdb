"""What commits change, counted by folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.model.address import parse
from runner.model.job import JobInput
from runner.store.catalog.codes import EntryKind
from runner.store.check import check_store
from runner.store.history import commits, folders
from runner.store.history.folders import Changes, Folder, FolderCounts, changes, decode
from runner.store.history.squash import squash
from runner.store.jobs import pipelines
from runner.store.layers import tree
from runner.store.layers.entries import Row
from runner.store.sessions import begin
from runner.store.writing import open_commits
from tests.store.plans import read_plans
from tests.store.world import DATUM, NO_ATTRIBUTES, PIPELINE, Body, commit_objects


def row(key: bytes, size: int = 1) -> Row:
    return Row(key, EntryKind.BLOB, 1, b"d", size, "e", 1)


def counts_of(keys, under: bytes = b"") -> FolderCounts:
    counted = FolderCounts(under)
    for key in keys:
        counted.add(None, row(key))
    return counted


def counts_kept(store) -> int:
    return store.catalog.db.execute("SELECT count(*) FROM difference").fetchone()[0]


def forbid_walks(monkeypatch) -> None:
    def fail(*_):
        raise AssertionError("it was counted again")

    monkeypatch.setattr(tree, "diff", fail)


KEYS = st.lists(st.text("ab/é", min_size=1, max_size=8).map(str.encode), unique=True)


@given(KEYS, KEYS)
def test_every_folder_counts_what_lies_in_it_in_whatever_order_it_comes(added, removed):
    counted = FolderCounts()
    for key in added:
        counted.add(None, row(key, 3))
    for key in removed:
        counted.add(row(key, 5), None)
    found = decode(counted.encode(), b"")
    assert found == counted.changes()
    pending = [found.whole]
    while pending:
        folder = pending.pop()
        inside = [[key for key in keys if key.startswith(folder.path)] for keys in (added, removed)]
        assert folder == Folder(
            folder.path,
            added=len(inside[0]),
            removed=len(inside[1]),
            bytes_after=3 * len(inside[0]),
            bytes_before=5 * len(inside[1]),
            nested=sum(b"/" in key[len(folder.path) :] for keys in inside for key in keys),
        )
        inner = decode(counted.encode(), folder.path).folders
        assert sum(each.added + each.removed for each in inner) == folder.nested
        pending += inner


def test_of_more_folders_than_fit_the_upper_levels_are_kept(monkeypatch):
    monkeypatch.setattr(folders, "FOLDERS_MAX", 6)
    keys = [b"%d/%d/%d/key" % (a, b, c) for a in range(4) for b in range(3) for c in range(2)]
    counted = counts_of(keys)
    found = decode(counted.encode(), b"")
    assert found.whole == Folder(b"", added=24, bytes_after=24, nested=24)
    assert [(each.path, each.added) for each in found.folders] == [(b"%d/" % n, 6) for n in range(4)]
    assert decode(counted.encode(), b"1/") is None
    wide = counts_of([b"%d/key" % n for n in range(7)])
    assert wide.changes() == Changes(Folder(b"", added=7, bytes_after=7, nested=7), None)
    assert decode(wide.encode(), b"") == wide.changes()
    assert decode(wide.encode(), b"1/") is None
    inner = counts_of([key for key in keys if key.startswith(b"1/")], b"1/").changes()
    assert inner.whole == Folder(b"1/", added=6, bytes_after=6, nested=6)
    assert [(each.path, each.added) for each in inner.folders] == [(b"1/%d/" % n, 2) for n in range(3)]


def test_what_lies_very_deep_costs_no_more_than_some_levels():
    counted = counts_of(b"%d/" % n * 250 + b"key" for n in range(1000, 1020))
    body = counted.encode()
    assert len(body) < 100_000
    assert decode(body, b"").whole == Folder(b"", added=20, bytes_after=20, nested=20)
    assert [each.added for each in decode(body, b"1000/" * 19).folders] == [1]
    assert decode(body, b"1000/" * 20) is None


async def test_what_a_commit_changes_in_its_parent_is_counted_when_it_is_made(store, monkeypatch):
    first = await commit_objects(store, {b"a/x/1": b"1", b"a/2": b"12", b"b": b"1"})
    second = await commit_objects(store, {b"a/x/1": b"123", b"a/y/3": b"1", b"b": b"1"}, gone=[b"a/2"])
    forbid_walks(monkeypatch)
    assert await changes(store, None, first) == (
        Folder(b"", added=3, bytes_after=4, nested=2),
        [Folder(b"a/", added=2, bytes_after=3, nested=1)],
    )
    assert await changes(store, first, second) == (
        Folder(b"", added=1, changed=1, removed=1, bytes_before=3, bytes_after=4, nested=3),
        [Folder(b"a/", added=1, changed=1, removed=1, bytes_before=3, bytes_after=4, nested=2)],
    )
    whole, inner = await changes(store, first, second, b"a/")
    assert whole.path == b"a/"
    assert [(each.path, each.added, each.changed) for each in inner] == [(b"a/x/", 0, 1), (b"a/y/", 1, 0)]
    assert await changes(store, first, second, b"none/") == (Folder(b"none/"), [])


async def test_a_commit_by_hand_counts_what_was_staged_for_it(store, monkeypatch):
    first = await commit_objects(store, {b"a/1": b"1"})
    await open_commits.start(store, "default", "data", "master")
    await commit_objects(store, {b"a/2": b"2"})
    await commit_objects(store, {b"a/3": b"3"}, gone=[b"a/1"])
    done = await open_commits.finish(store, "default", "data", "master")
    forbid_walks(monkeypatch)
    whole, _ = await changes(store, first, done)
    assert (whole.added, whole.removed) == (2, 1)


async def open_run(store):
    given_ = await commit_objects(store, {b"x": b"1"})
    version = await pipelines.register(store, PIPELINE)
    inputs = [JobInput("data", "default", "data", "master", given_.id)]
    session = await begin.open_job(store, PIPELINE, version=version, inputs=inputs)
    await session.start()
    return session


async def write(session, objects) -> None:
    attempt = await session.open_attempt(DATUM, 1)
    for key, data in objects.items():
        await attempt.buckets["out"].put(key, Body(data), NO_ATTRIBUTES)
    await attempt.close(keep=True, exit=None, reason="")
    await session.seal()


async def test_a_job_counts_what_its_output_changes_in_the_head_that_it_was_compared_with(store, monkeypatch):
    made = []
    for objects in ({b"a/1": b"1", b"b/1": b"1"}, {b"a/1": b"2", b"b/1": b"1"}):
        async with await open_run(store) as session:
            await write(session, objects)
            summary = await session.summary()
            made.append(await session.commit({}))
    assert (summary.added, summary.changed, summary.removed) == (0, 1, 0)
    forbid_walks(monkeypatch)
    whole, inner = await changes(store, *made)
    assert whole.changed == 1
    assert [each.path for each in inner] == [b"a/"]


async def test_counts_that_are_of_another_head_are_not_kept_and_are_made_when_asked_for(store):
    one, two = await open_run(store), await open_run(store)
    async with one, two:
        for session, data in ((one, b"1"), (two, b"2")):
            await write(session, {b"a/1": data})
            await session.summary()
        first = await one.commit({})
        before = counts_kept(store)
        second = await two.commit({})
    assert counts_kept(store) == before
    whole, _ = await changes(store, first, second)
    assert (whole.added, whole.changed) == (0, 1)


async def test_between_any_two_commits_it_is_counted_when_asked_for(store):
    first = await commit_objects(store, {b"a/1": b"1"})
    await commit_objects(store, {b"a/2": b"1"})
    third = await commit_objects(store, {b"b/3": b"1"}, gone=[b"a/1"])
    whole, inner = await changes(store, first, third)
    assert (whole.added, whole.removed) == (2, 1)
    assert [(each.path, each.added, each.removed) for each in inner] == [(b"a/", 1, 1), (b"b/", 1, 0)]
    assert (await changes(store, third, first)).whole.added == 1


async def test_what_stands_on_a_squashed_commit_is_counted_anew(store):
    first = await commit_objects(store, {b"a/1": b"1"})
    second = await commit_objects(store, {b"a/2": b"1"})
    third = await commit_objects(store, {b"a/3": b"1"})
    await squash(store, [second])
    third = await commits.resolve(store, parse(f"data@{third.id}"))
    assert third.parent == first.id
    assert (await changes(store, first, third)).whole.added == 2
    assert (await check_store(store)).problems == []


async def test_a_count_that_belongs_to_no_commit_is_found(store):
    await store.writer.write(lambda tx: folders.keep(tx, 77, FolderCounts()))
    assert [each.what for each in (await check_store(store)).problems] == [
        "difference 77 belongs to a commits that is not there"
    ]


@pytest.mark.sqlite
@pytest.mark.parametrize("under", [b"", b"a/"])
async def test_no_entry_is_looked_at_to_tell_what_a_commit_changed(store, under):
    first = await commit_objects(store, {b"a/1": b"1"})
    second = await commit_objects(store, {b"a/2": b"1"})
    with read_plans(store) as plans:
        await changes(store, first, second, under)
    assert plans.scans() == []
    assert not any("entry" in statement for statement in plans.statements)
