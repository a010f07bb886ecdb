from hypothesis import given, settings
from hypothesis import strategies as st

from runner.store.collect.numbers import Names, Numbers

LAST = 200
numbers = st.sets(st.integers(1, LAST))


@given(numbers)
@settings(deadline=None)
def test_numbers_are_a_set_in_order(given_):
    found = Numbers(LAST)
    for number in given_:
        found.add(number)
    assert list(found) == sorted(given_)
    assert len(found) == len(given_)
    assert [number for number in range(LAST + 2) if number in found] == sorted(given_)
    assert not list(found.without())


def test_what_is_made_later_is_left_out():
    found = Numbers(3)
    found.add(4)
    assert not list(found)
    assert not found.covers(4)
    assert 4 not in found


@given(numbers)
@settings(deadline=None)
def test_names_sort_as_their_numbers(given_):
    names = Names(dict.fromkeys(sorted(given_)))
    assert list(names) == sorted(names)
    assert [int(name) for name in names] == sorted(given_)
    assert all(name in names for name in names)
    assert not any(str(number) in names for number in given_)
