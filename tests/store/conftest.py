from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.store import Store, open_store
from runner.store.catalog.sums import KEYS, is_right


@pytest.fixture
async def store(tmp_path):
    """An empty store; whatever a test wrote into it has its sum in the end."""
    async with open_store(tmp_path / "store") as opened:
        yield opened
        assert list(damaged_rows(opened)) == []


def damaged_rows(store: Store) -> Iterator[tuple[str, object]]:
    for table in KEYS:
        cursor = store.catalog.db.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in cursor.description]
        yield from ((table, row) for row in cursor if not is_right(columns, row))
