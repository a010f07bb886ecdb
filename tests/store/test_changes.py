from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.model.address import parse
from runner.store import open_store
from runner.store.history import commits
from runner.store.history.refs import RefMoved
from runner.store.layers import runs, tree
from runner.store.layers.contentsum import ContentSum
from runner.store.writing.changes import open_change
from tests.store.world import NO_ATTRIBUTES, Body, commit_objects

changes = st.dictionaries(
    st.sampled_from([b"%02d" % n for n in range(12)]), st.one_of(st.none(), st.binary(max_size=2))
)


async def content_of(store, commit) -> tuple[dict[bytes, str], ContentSum]:
    db = store.catalog.db
    layers = commits.read_set(db, commits.require_id(db, 1, commit.id))
    rows = [row async for row in tree.walk(store.catalog.db, layers)]
    content = ContentSum()
    for row in rows:
        content.add(row)
    return {row.key: row.etag for row in rows}, content


async def test_a_change_is_one_commit_above_the_head(store):
    first = await commit_objects(store, {b"a": b"1", b"b": b"2"})
    second = await commit_objects(store, {b"b": b"3", b"c": b"4"}, gone=[b"a", b"missing"])
    assert second.parent == first.id
    found, content = await content_of(store, second)
    assert sorted(found) == [b"b", b"c"]
    assert (content.digest(), content.objects, content.size_bytes) == (second.digest, second.objects, 2)
    assert sorted((await content_of(store, first))[0]) == [b"a", b"b"]


async def test_a_change_that_changes_nothing_makes_no_commit(store):
    first = await commit_objects(store, {b"a": b"1"})
    async with open_change(store, "default", "data", "master") as change:
        await change.put(b"a", Body(b"1"), NO_ATTRIBUTES)
        await change.put(b"b", Body(b"2"), NO_ATTRIBUTES)
        await change.delete(b"b")
        assert await change.commit() == (first, False)
    assert await commits.resolve(store, parse("data")) == first


async def test_the_first_commit_of_a_branch_may_be_empty(store):
    commit = await commit_objects(store, {})
    assert (commit.objects, commit.digest) == (0, ContentSum().digest())


async def test_of_two_changes_at_once_the_second_is_told(store):
    async with open_change(store, "default", "data", "master") as change:
        await change.put(b"a", Body(b"1"), NO_ATTRIBUTES)
        await commit_objects(store, {b"b": b"1"})
        with pytest.raises(RefMoved):
            await change.commit()
    assert len(await commits.list_commits(store, "default", "data")) == 1


async def test_an_abandoned_change_leaves_the_branch(store):
    with suppress(ZeroDivisionError):
        async with open_change(store, "default", "data", "master") as change:
            await change.put(b"a", Body(b"1"), NO_ATTRIBUTES)
            raise ZeroDivisionError
    assert await commits.list_commits(store, "default", "data") == []


@given(st.lists(changes, min_size=1, max_size=10), st.sampled_from([0, 3, 4096]))
@settings(max_examples=15, deadline=None)
async def test_every_commit_of_a_history_holds_what_a_dict_would(history, merge_max_rows):
    """Whatever was merged behind the scenes, and however little of it may be merged at once."""
    before, runs.MERGE_MAX_ROWS = runs.MERGE_MAX_ROWS, merge_max_rows
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(Path(folder)) as store:
                await follow(store, history)
    finally:
        runs.MERGE_MAX_ROWS = before


async def follow(store, history) -> None:
    now: dict[bytes, bytes] = {}
    made = []
    for change in history:
        now = {key: value for key, value in {**now, **change}.items() if value is not None}
        put = {key: value for key, value in change.items() if value is not None}
        commit = await commit_objects(store, put, gone=[key for key, value in change.items() if value is None])
        made.append((commit, set(now)))
    for commit, keys in made:
        found, content = await content_of(store, commit)
        assert set(found) == keys
        assert content.digest() == commit.digest


async def test_reads_of_a_long_history_merge_few_layers(store):
    for number in range(60):
        commit = await commit_objects(store, {b"%03d" % number: b"x", b"same": b"%d" % number})
        layers = commits.read_set(store.catalog.db, commits.require_id(store.catalog.db, 1, commit.id))
        assert len(layers) <= 7
    assert len((await content_of(store, commit))[0]) == 61


@pytest.mark.parametrize(
    ("rows", "count"), [([5], 1), ([10, 30], 1), ([10, 29], 2), ([1, 2, 8, 32], 4), ([1, 2, 8, 33, 90], 3), ([0, 5], 1)]
)
def test_the_newest_layers_are_merged_while_the_next_is_below_three_times_their_rows(rows, count):
    assert runs.plan(rows) == count
