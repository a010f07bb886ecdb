"""A flipped bit in any column of any row is found by a check, with what it touches, and never read as if whole."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from tests.store.flipping import missed_by_checks, read_as_if_whole

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(("rows", "whole"), [(1, True), (None, False)], ids=["all that is checked", "every row"])
def test_every_flipped_bit_is_told_with_what_it_touches(tmp_path, rows, whole):
    missed = partial(missed_by_checks, tmp_path / "store", rows=rows, values=None, whole=whole)
    assert trio.run(missed) == []


def test_nothing_that_is_damaged_is_read_as_if_it_were_whole(tmp_path):
    assert trio.run(partial(read_as_if_whole, tmp_path / "store", rows=None, values=None)) == []
