from __future__ import annotations

from collections import Counter

import pytest

from tests.store.killing import check, open_victims


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("objects", [1, 5, 30])
async def test_a_kill_after_each_thing_said_loses_nothing(tmp_path, objects):
    """Kills after every line of two whole jobs, so also between the seal, the commit and what follows."""
    folder = tmp_path / "store"
    phases: Counter[str] = Counter()
    async with open_victims(folder) as victims:
        for lines in range(1, 2 * (objects + 4) + 2):
            phases[await check(folder, await victims.run_until_killed(lines, objects=objects))] += 1
    assert {"put", "closed", "sealed", "committed"} <= phases.keys()
