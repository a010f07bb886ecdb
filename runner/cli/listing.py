"""Listings of any length: written page by page, so that nothing waits for the end."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from runner.cli import documents, tables
from runner.cli.looks import show
from runner.cli.world import World
from runner.model.commit import Commit
from runner.model.entry import Entry

Pages = AsyncIterator[Sequence[Entry | bytes]]


async def list_items(world: World, commit: Commit, pages: Pages) -> int:
    """Print objects and common prefixes of *commit* and return how many there were."""
    return await (_as_json(commit, pages) if world.options.is_json else _as_table(world, pages))


async def _as_table(world: World, pages: Pages) -> int:
    count = 0
    async for items in pages:
        lines = tables.files_table(items, world.now, world.look)
        show(lines[1:] if count else lines, world.look)
        count += len(items)
    return count


async def _as_json(commit: Commit, pages: Pages) -> int:
    return await print_array(documents.file_info(commit, item) async for items in pages for item in items)


async def print_array(elements: AsyncIterator[Mapping[str, Any]]) -> int:
    """Write one JSON array, an element a line, and return how many there were."""
    count = 0
    async for element in elements:
        sys.stdout.write("[" if count == 0 else ",\n ")
        json.dump(element, sys.stdout, ensure_ascii=False)
        count += 1
    sys.stdout.write("]\n" if count else "[]\n")
    sys.stdout.flush()
    return count
