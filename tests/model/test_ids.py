from hypothesis import given
from hypothesis import strategies as st

from runner.model import ids


@given(st.integers(1, 50))
def test_fresh_ids_are_whole_ids_and_differ(count):
    drawn = [ids.new_commit_id() for _ in range(count)]
    assert all(ids.is_commit_id(one) for one in drawn)
    assert len(set(drawn)) == count


@given(st.integers(8, 32))
def test_a_beginning_of_8_digits_or_more_may_stand_for_an_id(length):
    assert ids.is_id_prefix(ids.new_commit_id()[:length])


def test_short_or_foreign_text_stands_for_no_id():
    assert not ids.is_id_prefix("deadbee")
    assert not ids.is_id_prefix("DEADBEEF")
    assert not ids.is_commit_id("0" * 32)
