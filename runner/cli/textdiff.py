"""The lines that differ between two versions of a text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from rich.text import Text

from runner.cli import words
from runner.cli.compare import Difference
from runner.model.commit import Commit
from runner.store import Store, files

TEXT_MAX_BYTES = 1024 * 1024
"""Longer texts are only said to differ: comparing lines costs the square of their number."""

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


async def text_diff(store: Store, before: Commit, after: Commit, difference: Difference) -> list[Text]:
    """Return how an object differs, in the form of ``diff -u``; of one that is no text, or a long one, one line."""
    texts = [await _text_of(store, before, difference, 0), await _text_of(store, after, difference, 1)]
    old, new = (f"{side}/{words.key(difference.key)}" for side in "ab")
    if None in texts:
        return [Text(f"{old} and {new} differ", style="dim")]
    left, right = ((text or "").splitlines() for text in texts)
    names = ("/dev/null" if difference.before is None else old, "/dev/null" if difference.after is None else new)
    return list(_styled(difflib.unified_diff(left, right, *names, lineterm="")))


def _styled(lines: Iterator[str]) -> Iterator[Text]:
    for number, line in enumerate(lines):
        style = "bold" if number < len("ab") else _STYLES.get(line[:1], "")
        yield Text(words.visible(line.replace("\t", "    ")), style=style)


async def _text_of(store: Store, commit: Commit, difference: Difference, side: int) -> str | None:
    """Return one version as text; None: it is none."""
    entry = (difference.before, difference.after)[side]
    if entry is None:
        return ""
    if entry.size > TEXT_MAX_BYTES:
        return None
    reader = await files.bucket_of(store, commit).get(difference.key)
    data = b"".join([piece async for piece in reader.read(0, entry.size)])
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None
