"""Flipped bits in a catalog on PostgreSQL, in a pytest of their own."""

from __future__ import annotations

import pytest

from tests import databases


@pytest.mark.timeout(1800)
def test_every_flipped_bit_is_told_on_postgresql_too(postgres):
    done = databases.run_tests(postgres.url("postgres"), "tests/long/test_flips.py", "-k", "not row")
    assert done.returncode == 0, done.stdout[-20_000:]
