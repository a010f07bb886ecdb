from __future__ import annotations

import pytest
import trio

from runner.store import open_store
from runner.store.catalog.codes import LayerState
from runner.store.history import commits
from runner.store.layers import runs, tree
from tests.store.world import commit_objects


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(runs, "MERGE_MAX_ROWS", 3)
    monkeypatch.setattr("runner.store.layers.merges.ROWS_PER_SLOT", 4)


def layers_of(store, commit) -> list[int]:
    return commits.read_set(store.catalog.db, commits.require_id(store.catalog.db, 1, commit.id))


async def content_of(store, commit) -> dict[bytes, str]:
    return {row.key: row.etag async for row in tree.walk(store.catalog.db, layers_of(store, commit))}


async def until(condition) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110  # it happens behind, at its own time
            await trio.sleep(0.01)


async def test_a_large_merge_is_made_behind_the_commit_and_changes_nothing_that_is_read(store):
    await commit_objects(store, {b"%02d" % n: b"1" for n in range(10)})
    head = await commit_objects(store, {b"%02d" % n: b"2" for n in range(5, 14)}, gone=[b"00"])
    before = await content_of(store, head)
    await until(lambda: len(layers_of(store, head)) == 1)
    assert await content_of(store, head) == before
    assert len(before) == 13
    (run,) = layers_of(store, head)
    rows = store.catalog.db.execute("SELECT state, rows, tombstones FROM layer WHERE id = ?", (run,)).fetchone()
    assert rows == (LayerState.SEALED, 13, 0)


async def test_a_long_history_of_large_changes_stays_short_to_read(store):
    expected = {}
    for number in range(20):
        change = {b"%03d" % key: b"%d" % number for key in range(number, number + 8)}
        expected |= change
        head = await commit_objects(store, change)
    await until(lambda: len(layers_of(store, head)) <= 4)
    assert len(await content_of(store, head)) == len(expected)


async def test_a_merge_that_is_broken_off_is_removed_at_the_next_open(tmp_path):
    async with open_store(tmp_path) as store:
        first = await commit_objects(store, {b"%03d" % n: b"1" for n in range(40)})
        head = await commit_objects(store, {b"%03d" % n: b"2" for n in range(40)})
        await until(lambda: store.catalog.db.execute("SELECT count(*) FROM layer").fetchone()[0] > 2)
    async with open_store(tmp_path) as store:
        states = store.catalog.db.execute("SELECT DISTINCT state FROM layer").fetchall()
        assert states == [(LayerState.SEALED,)]
        assert len(await content_of(store, head)) == len(await content_of(store, first)) == 40
