from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.store.catalog import schema
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.sums import crc_of
from runner.store.layers import tree
from runner.store.layers.entries import READ, Row, tombstone

NASTY = "\x00\x7f\u07ff\ud7ff\ue000\uffff\U00010000\U0010ffffa/é"
keys = st.text(NASTY, min_size=1, max_size=4).map(str.encode)
layers = st.lists(st.dictionaries(keys, st.booleans(), max_size=12), min_size=1, max_size=8)


ENTRY = next(text for text in schema.statements() if text.startswith("CREATE TABLE entry "))


def row(key: bytes, mark: int) -> Row:
    return Row(key, EntryKind.BLOB, mark, b"digest", mark, "etag", 0, None)


@pytest.fixture(scope="module")
def table():
    """A database with the table of entries; each test, and each example of one, fills it anew."""
    with closing(sqlite3.connect(":memory:", isolation_level=None, factory=schema.Local)) as db:
        db.execute(ENTRY)
        yield db


def catalog_of(db, stacked):
    """Return a catalog whose layer n holds the n-th dict, oldest first; False is a tombstone."""
    db.execute("DELETE FROM entry")
    marks = ", ".join("?" for _ in ("layer", *Row._fields, "crc"))
    for number, content in enumerate(stacked, 1):
        for key, there in content.items():
            _, kind, *rest = row(key, number) if there else tombstone(key)
            values = (number, key, int(kind), *rest)
            db.execute(f"INSERT INTO entry ({READ}) VALUES ({marks})", (*values, crc_of(values)))
    return db, tuple(range(len(stacked), 0, -1))


def expected(stacked) -> dict[bytes, int]:
    """Return which layer each key is read from."""
    merged: dict[bytes, int] = {}
    for number, content in enumerate(stacked, 1):
        for key, there in content.items():
            if there:
                merged[key] = number
            else:
                merged.pop(key, None)
    return merged


def rolled(content: dict[bytes, int], prefix: bytes, delimiter: bytes) -> list[bytes]:
    """List as S3 says, the slow way."""
    items: list[bytes] = []
    for key in sorted(content):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        item = key if at < 0 else key[: at + len(delimiter)]
        if item not in items[-1:]:
            items.append(item)
    return items


@given(layers, keys)
@settings(max_examples=60, deadline=None)
def test_a_key_reads_as_its_newest_entry_says(table, stacked, other):
    db, read_set = catalog_of(table, stacked)
    content = expected(stacked)
    for key in {other, *content, *(key for layer in stacked for key in layer)}:
        found = tree.find(db, read_set, key)
        assert (None if found is None else found.content) == content.get(key)


@given(layers, st.lists(keys, unique=True, max_size=12).map(sorted))
def test_many_keys_read_as_each_alone(table, stacked, wanted):
    db, read_set = catalog_of(table, stacked)
    alone = [tree.find(db, read_set, key) for key in wanted]
    assert list(tree.find_all(db, read_set, wanted)) == [found for found in alone if found is not None]


@given(
    layers,
    st.one_of(st.just(b""), keys),
    st.sampled_from([b"", b"/", "é".encode(), b"\x00", "\U0010ffff".encode(), b"a/"]),
    st.integers(1, 7),
)
@settings(max_examples=120, deadline=None)
async def test_pages_together_are_the_whole_listing(table, stacked, prefix, delimiter, limit):
    db, read_set = catalog_of(table, stacked)
    items, after = [], b""
    while after is not None:
        page = await tree.list_page(db, read_set, prefix, delimiter, after, limit=limit)
        assert len(page.items) <= limit
        items += [item if isinstance(item, bytes) else item.key for item in page.items]
        after = page.next_after
    assert items == rolled(expected(stacked), prefix, delimiter)


@given(layers, keys, keys)
@settings(max_examples=50, deadline=None)
async def test_after_is_exclusive_and_passes_a_whole_common_prefix_over(table, stacked, after, delimiter):
    db, read_set = catalog_of(table, stacked)
    page = await tree.list_page(db, read_set, b"", delimiter, after, limit=1000)
    at = after.find(delimiter)
    is_rolled = at >= 0 and after[: at + len(delimiter)] == after
    beyond = {
        key: mark
        for key, mark in expected(stacked).items()
        if key > after and not (is_rolled and key.startswith(after))
    }
    items = [item if isinstance(item, bytes) else item.key for item in page.items]
    assert items == rolled(beyond, b"", delimiter)


async def test_a_page_among_tombstones_ends_early_and_goes_on(table, monkeypatch):
    monkeypatch.setattr(tree, "STEPS_PER_PAGE", 50)
    gone = {b"a/%03d" % n: False for n in range(200)}
    db, read_set = catalog_of(table, [dict.fromkeys(gone, True) | {b"z": True}, gone])
    pages, items, after = 0, [], b""
    while after is not None:
        page = await tree.list_page(db, read_set, b"", b"/", after, limit=10)
        pages, items, after = pages + 1, items + [item.key for item in page.items], page.next_after
    assert items == [b"z"]
    assert 4 <= pages <= 6


async def test_no_page_ends_at_a_deleted_key_that_reads_like_a_common_prefix(table, monkeypatch):
    monkeypatch.setattr(tree, "STEPS_PER_PAGE", 1)
    db, read_set = catalog_of(table, [{b"a/": True, b"a/b": True}, {b"a/": False}])
    page = await tree.list_page(db, read_set, b"", b"/", b"", limit=10)
    assert list(page.items) == [b"a/"]


async def test_a_page_of_nothing_asks_nothing(table):
    db, read_set = catalog_of(table, [{b"a": True}])
    assert (await tree.list_page(db, read_set, b"", b"", b"", limit=0)).next_after is None


@given(layers, layers)
@settings(max_examples=50, deadline=None)
async def test_diff_tells_what_is_gone_new_and_changed(table, before, after):
    db, read_set = catalog_of(table, [*before, *after])
    old, new = read_set[len(after) :], read_set[: len(after)]
    was, now = expected(before), expected(after)
    found = {}
    async for left, right in tree.diff(db, old, new):
        found[(left or right).key] = (left and left.size, right and right.size)
    marks = {key: mark + len(before) for key, mark in now.items()}
    assert found == {
        key: (was.get(key), marks.get(key)) for key in was.keys() | marks.keys() if was.get(key) != marks.get(key)
    }


@given(layers, layers, layers, st.sampled_from(["", "a", "a/", "é"]))
@settings(deadline=None)
async def test_diff_of_a_shared_history_is_the_diff_of_all(table, shared, before, after, prefix):
    stacked = [*shared, *before, *after]
    db, numbers = catalog_of(table, stacked)
    bottom = numbers[-len(shared) :]
    old = (*numbers[len(after) : len(after) + len(before)], *bottom)
    new = (*numbers[: len(after)], *bottom)
    left = expected([*shared, *before])
    # Layers are numbered through: those of `after` follow those of `before`, which it does not have.
    right = {key: n + len(before) * (n > len(shared)) for key, n in expected([*shared, *after]).items()}
    found = {}
    async for one, other in tree.diff(db, old, new, prefix.encode()):
        key = (one or other).key
        found[key] = (one and one.content, other and other.content)
    keys = {key for key in left.keys() | right.keys() if key.startswith(prefix.encode())}
    assert found == {key: (left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)}
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"a", b"b"), (b"a\xff", b"b"), (b"", None), (b"\xff", None), ("é".encode(), b"\xc3\xaa")]
)
def test_a_prefix_ends_before_the_next_one(prefix, end):
    assert tree.prefix_end(prefix) == end


async def test_listing_prefixes_seeks_over_what_they_hold(table):
    """Rolling up costs a seek for each prefix and layer, not a row for each key."""
    db, read_set = catalog_of(table, [{b"%02d/%04d" % (n % 20, n): True for n in range(4000)}])
    rows = 0

    class Counting:
        is_remote = False

        def execute(self, *args):
            nonlocal rows
            found = db.execute(*args).fetchall()
            rows += len(found)
            return type("Cursor", (), {"fetchall": lambda _self: found})()

    page = await tree.list_page(Counting(), read_set, b"", b"/", b"", limit=1000)
    assert len(page.items) == 20
    assert rows < 150
