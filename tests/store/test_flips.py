"""A flipped bit in any column is found by a check, with what it touches, and never read as if it were whole."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from tests.store.flipping import missed_by_checks, read_as_if_whole

pytestmark = pytest.mark.timeout(600)  # a database is asked some hundred things for each flip


def test_a_flipped_bit_in_any_column_is_told_with_what_it_touches(tmp_path):
    missed = partial(missed_by_checks, tmp_path / "store", rows=1, values=1, whole=False)
    assert trio.run(missed) == []


def test_what_is_damaged_is_never_read_as_if_it_were_whole(tmp_path):
    assert trio.run(partial(read_as_if_whole, tmp_path / "store", rows=1, values=1)) == []
