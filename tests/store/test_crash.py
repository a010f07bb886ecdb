from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.store.killing import check, open_victims

pytestmark = pytest.mark.sqlite

KILLS = 8


async def test_a_kill_at_any_instant_loses_nothing_acknowledged_and_leaves_no_half_commit(tmp_path):
    folder = tmp_path / "store"
    phases: Counter[str] = Counter()
    async with open_victims(folder) as victims:
        for random in os.urandom(KILLS):
            phases[await check(folder, await victims.run_until_killed(random % 70 + 1))] += 1
    assert sum(phases.values()) == KILLS
