"""The lines that differ between two versions of a text."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

import trio
from rich.text import Text

from runner.cli import words
from runner.cli.compare import Difference
from runner.model.commit import Commit
from runner.store import Store, files

TEXT_MAX_BYTES = 1024 * 1024
PAIRS_MAX = 1_000_000
"""Of equal lines, one on each side: what comparing costs for each place that differs."""

_STYLES = {"+": "green", "-": "red", "@": "cyan", "\\": "dim"}


async def text_diff(store: Store, before: Commit | None, after: Commit, difference: Difference) -> list[Text]:
    """Return how an object differs, in the form of ``diff -u``; of one that is no text, or a long one, one line.

    Lines end with a line feed and with nothing else, so that other ends of lines are differences like all others.
    """
    texts = [await _text_of(store, before, difference, 0), await _text_of(store, after, difference, 1)]
    old, new = (f"{side}/{words.key(difference.key)}" for side in "ab")
    left, right = (_lines(text or "") for text in texts)
    if None in texts or _pairs(left, right) > PAIRS_MAX:
        return [Text(f"{old} and {new} differ", style="dim")]
    names = ("/dev/null" if difference.before is None else old, "/dev/null" if difference.after is None else new)
    found = await trio.to_thread.run_sync(lambda: list(difflib.unified_diff(left, right, *names)))
    return list(_styled(found or [f"--- {names[0]}\n", f"+++ {names[1]}\n"]))  # an empty file has no lines


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; the last may have none."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _pairs(left: Sequence[str], right: Sequence[str]) -> int:
    others = Counter(right)
    return sum(count * others[line] for line, count in Counter(left).items())


def _styled(lines: Sequence[str]) -> Iterator[Text]:
    for number, line in enumerate(lines):
        style = "bold" if number < len("ab") else _STYLES.get(line[:1], "")
        yield Text(words.visible(line.removesuffix("\n").replace("\t", "    ")), style=style)
        if not line.endswith("\n"):
            yield Text("\\ No newline at end of file", style=_STYLES["\\"])


async def _text_of(store: Store, commit: Commit | None, difference: Difference, side: int) -> str | None:
    """Return one version as text; None: it is none."""
    entry = (difference.before, difference.after)[side]
    if commit is None or entry is None:
        return ""
    if entry.size > TEXT_MAX_BYTES:
        return None
    reader = await files.bucket_of(store, commit).get(difference.key)
    data = b"".join([piece async for piece in reader.read(0, entry.size)])
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None
