"""What PostgreSQL does in one statement, listings by a delimiter and look-ups, is what is done step by step."""

from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.model import store_url
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.catalog.postgres import Postgres
from runner.store.layers import skips, staging, tree
from runner.store.layers.entries import Row, tombstone

NASTY = "\x00\ue000\uffff\U0010ffffa/é"
DELIMITERS = ["/", "é", "\U0010ffff", "\x00", "a/"]
texts = st.text(NASTY, min_size=1, max_size=4).map(str.encode)
layers = st.lists(st.dictionaries(texts, st.booleans(), max_size=12), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def session(postgres):
    engine = Postgres(store_url.parse(postgres.create()))
    engine.prepare()
    with closing(engine.open_reader()) as catalog:
        yield catalog.db


class Near:
    """The same connection, as if each statement were cheap."""

    is_remote = False

    def __init__(self, db):
        self.execute = db.execute


class Counting:
    is_remote = True

    def __init__(self, db):
        self.statements = 0
        self._db = db

    def execute(self, *args):
        self.statements += 1
        return self._db.execute(*args)


def fill(db, stacked) -> list[int]:
    db.execute("DELETE FROM entry")
    for number, content in enumerate(stacked, 1):
        rows = [
            Row(key, EntryKind.BLOB, 1, b"d", 1, "e", 0) if kept else tombstone(key) for key, kept in content.items()
        ]
        staging.put_rows(Transaction(db, 0), number, rows)
    return list(range(len(stacked), 0, -1))


@given(layers, st.sampled_from(["", "a", "é", "/"]), st.sampled_from(DELIMITERS), st.sampled_from([1, 3, 1000]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_page_is_that_of_the_merged_layers(session, stacked, prefix, delimiter, limit):
    read_set = fill(session, stacked)
    after = b""
    while after is not None:
        asked = read_set, prefix.encode(), delimiter.encode(), after
        page, expected = [await tree.list_page(db, *asked, limit=limit) for db in (session, Near(session))]
        assert (list(page.items), page.next_after) == (list(expected.items), expected.next_after)
        after = page.next_after


@given(layers, st.lists(texts, max_size=6, unique=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_many_keys_at_once_are_found_as_one_by_one(session, stacked, others):
    read_set = fill(session, stacked)
    keys = list({*others, *(key for content in stacked for key in content)})
    assert tree.find_each(session, read_set, keys) == [tree.find(session, read_set, key) for key in keys]
    assert tree.find_each(session, [], keys) == [None] * len(keys)


async def test_hundreds_of_prefixes_are_a_few_statements(session):
    read_set = fill(session, [{b"%04d/%d" % (number % 500, number): True for number in range(2000)}])
    db = Counting(session)
    assert len((await tree.list_page(db, read_set, b"", b"/", b"", limit=1000)).items) == 500
    assert db.statements == 500 // skips.ROWS_AT_ONCE + 1
