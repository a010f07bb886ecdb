"""How two commits differ, told piece by piece, however much it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from rich.text import Text

from runner.cli import documents, tables, words
from runner.cli.compare import Difference, compare
from runner.cli.listing import print_array
from runner.cli.looks import show
from runner.cli.textdiff import text_diff
from runner.cli.world import World
from runner.model.commit import Commit

_PAGE = 1000
_SIZE = len("1023.9 MiB")
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
_HEADS = (("", False), ("BEFORE", True), ("AFTER", True), ("NAME", False))
_COLUMNS = [tables.Column(head, right=right) for head, right in _HEADS]


async def tell_diff(world: World, before: Commit | None, after: Commit, prefix: bytes, *, text: bool) -> int:
    """Print how *after* differs from *before* under *prefix*, as *text* with the lines; return how many objects do."""
    async with aclosing(compare(world.store, before, after, prefix)) as found:
        if world.options.is_json:
            return await print_array(_document(before, after, each) async for each in found)
        counts = await (_as_text(world, before, after, found) if text else _as_table(world, found))
    if counts:
        total = f"{counts['+']:,} added, {counts['~']:,} changed, {counts['-']:,} removed"
        show([Text(total, style="dim")], world.look)
    return counts.total()


async def _as_table(world: World, found: AsyncIterator[Difference]) -> Counter[str]:
    counts: Counter[str] = Counter()
    page: list[Difference] = []

    def write() -> None:
        lines = tables.table(_COLUMNS, [_row(each) for each in page], world.look)
        show(lines if counts.total() == len(page) else lines[1:], world.look)
        page.clear()

    async for each in found:
        counts[each.sign] += 1
        page.append(each)
        if len(page) == _PAGE:
            write()
    write()
    return counts


async def _as_text(
    world: World, before: Commit | None, after: Commit, found: AsyncIterator[Difference]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    async for each in found:
        counts[each.sign] += 1
        show(await text_diff(world.store, before, after, each), world.look, blanks=True)
    return counts


def _row(each: Difference) -> Sequence[Text | str]:
    sizes = [f"{words.size(side.size) if side else '':>{_SIZE}}" for side in (each.before, each.after)]
    return [Text(each.sign, style=_COLOURS[each.sign]), *sizes, words.key(each.key)]


def _document(before: Commit | None, after: Commit, each: Difference) -> Mapping[str, Any]:
    return {
        "oldFile": documents.file_info(before, each.before) if before and each.before else None,
        "newFile": documents.file_info(after, each.after) if each.after else None,
    }
