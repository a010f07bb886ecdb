"""Two commits compared by the content of their objects, in one pass over both listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple, Protocol

from runner.cli.stories import Change
from runner.model.entry import Entry
from runner.store.view import Page


class Listed(Protocol):
    """What can be listed: a bucket."""

    async def list(self, prefix: bytes, delimiter: bytes, after: bytes) -> Page:
        """Return a page, as `runner.store.view.Bucket.list`."""


class Difference(NamedTuple):
    """One key that differs: *before* None: it was added; *after* None: it was removed."""

    before: Entry | None
    after: Entry | None

    @property
    def key(self) -> bytes:
        """Of the object."""
        entry = self.after or self.before
        return entry.key if entry else b""

    @property
    def sign(self) -> str:
        """``+``, ``-`` or ``~``."""
        return "+" if self.before is None else "-" if self.after is None else "~"


def tally(differences: Iterable[Difference]) -> Change:
    """Count differences by what happened."""
    counts = Counter(difference.sign for difference in differences)
    return Change(counts["+"], counts["~"], counts["-"])


async def entries(bucket: Listed, prefix: bytes = b"") -> AsyncIterator[Entry]:
    """Yield every object under *prefix* in the order of keys, a page at a time."""
    after: bytes | None = b""
    while after is not None:
        page = await bucket.list(prefix, b"", after)
        for item in page.items:
            if isinstance(item, Entry):
                yield item
        after = page.next_after


async def compare(before: Listed, after: Listed, prefix: bytes = b"") -> AsyncIterator[Difference]:
    """Yield what differs, in the order of keys; equal content under equal headers is the same."""
    old, new = entries(before, prefix), entries(after, prefix)
    left, right = await anext(old, None), await anext(new, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.key < right.key):
            yield Difference(left, None)
            left = await anext(old, None)
        elif left is None or right.key < left.key:
            yield Difference(None, right)
            right = await anext(new, None)
        else:
            if (left.digest, left.size, left.attributes) != (right.digest, right.size, right.attributes):
                yield Difference(left, right)
            left, right = await anext(old, None), await anext(new, None)
