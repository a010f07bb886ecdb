from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.model.entry import Attributes
from runner.store.layers.contentsum import SUM_BYTES, ContentSum
from runner.store.layers.entries import Row, encode_attributes

GOLDEN_TWO = "59ad1d2626d145a5e82dd239c6e255ba59bb9515a6d5398a97d30c04ad30683d"
GOLDEN_EMPTY = "55f4d1a5836b1e34ee0ba892a6a75e68f94f4ca37d6eb2bcebe65740b5ca7b00"

rows = st.builds(
    Row,
    st.binary(min_size=1, max_size=8),
    st.just(1),
    st.just(1),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 5 << 40),
)


def sum_of(objects) -> ContentSum:
    content = ContentSum()
    for each in objects:
        content.add(each)
    return content


def test_the_digest_of_known_objects_is_known():
    """The golden value of format 1; it stands in every commit and record."""
    attributes = encode_attributes(Attributes({"content-type": "text/plain"}, {"mtime": "1.5"}))
    assert attributes == b'{"headers":{"content-type":"text/plain"},"metadata":{"mtime":"1.5"}}'
    content = sum_of([Row(b"a", 1, 7, bytes(32), 3), Row("ä/b".encode(), 2, 9, b"\x01" * 32, 5, "etag", 1, attributes)])
    assert content.digest().hex() == GOLDEN_TWO
    assert ContentSum().digest().hex() == GOLDEN_EMPTY


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, unique_by=lambda row: row.key, max_size=8), st.randoms())
def test_the_order_of_objects_does_not_matter(objects, random):
    shuffled = random.sample(objects, len(objects))
    assert sum_of(objects).digest() == sum_of(shuffled).digest()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(rows, unique_by=lambda row: row.key, max_size=8), st.lists(rows, unique_by=lambda row: row.key, max_size=8)
)
def test_what_is_removed_leaves_no_trace(kept, gone):
    content = sum_of([*kept, *gone])
    for each in gone:
        content.remove(each)
    assert (content.state(), content.objects, content.size_bytes) == (
        sum_of(kept).state(),
        len(kept),
        sum(each.size for each in kept),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=8))
def test_a_sum_goes_on_from_its_stored_state(objects):
    first, second = objects[: len(objects) // 2], objects[len(objects) // 2 :]
    half = sum_of(first)
    content = ContentSum(half.state(), half.objects, half.size_bytes)
    for each in second:
        content.add(each)
    assert content.state() == sum_of(objects).state()
    assert len(content.state()) == SUM_BYTES


def test_times_and_numbers_of_blobs_do_not_matter_but_all_else_does():
    meta = encode_attributes(Attributes({}, {"mtime": "1.5", "x": "y"}))
    one = Row(b"a", 1, 7, bytes(32), 3, "etag", 11, meta)
    same = one._replace(
        content=8, etag="other", modified_us=12, meta=encode_attributes(Attributes({}, {"x": "y", "mtime": "2"}))
    )
    others = [
        one._replace(key=b"b"),
        one._replace(size=4),
        one._replace(digest=b"\x01" * 32),
        one._replace(meta=None),
    ]
    assert sum_of([one]).digest() == sum_of([same]).digest()
    assert len({sum_of([each]).digest() for each in (one, *others)}) == 5
