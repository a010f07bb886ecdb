"""Looking many keys up, and listing by a delimiter, where each statement is a round trip: many steps in one of them.

What comes out is what `runner.store.layers.tree` finds key by key, and what its `Merge` gives to a listing that jumps
behind every common prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.store.catalog.query import Connection
from runner.store.layers.entries import READ, Row, checked

ROWS_AT_ONCE = 200
"""Of one statement, which takes some milliseconds for each layer."""
_ABOVE_ALL = b"\xff"
"""Keys are UTF-8, which has no such byte."""

_NEXT = """
    SELECT found.* FROM unnest(:layers) WITH ORDINALITY AS candidate(id, rank)
    CROSS JOIN LATERAL (
        SELECT {read} FROM entry
        WHERE layer = candidate.id AND key >= {start} AND key < :above ORDER BY key LIMIT 1
    ) found ORDER BY found.key, candidate.rank LIMIT 1
"""
_AT = "position(:delimiter IN substring(seen.key FROM CAST(:past AS INTEGER)))"
_BEYOND = f"""
    CASE WHEN seen.kind <> 0 AND {_AT} > 0 THEN substring(seen.key FOR CAST(:before AS INTEGER) + {_AT}) || :behind
    ELSE seen.key || :least END
"""
"""Behind the common prefix of an object; a tombstone says nothing of the keys after it."""
_SKIP = f"""
    WITH RECURSIVE seen AS (
        (SELECT * FROM ({_NEXT.format(read=READ, start=":start")}) first)
        UNION ALL
        SELECT following.* FROM seen CROSS JOIN LATERAL ({_NEXT.format(read=READ, start=_BEYOND)}) following
    )
    SELECT {READ} FROM seen LIMIT {ROWS_AT_ONCE}
"""  # noqa: S608  # constants
_FIND = f"""
    SELECT found.* FROM unnest(:keys) WITH ORDINALITY AS wanted(key, n)
    CROSS JOIN LATERAL (
        SELECT {READ} FROM unnest(:layers) WITH ORDINALITY AS candidate(id, rank)
        JOIN entry ON entry.layer = candidate.id AND entry.key = wanted.key ORDER BY candidate.rank LIMIT 1
    ) found
"""  # noqa: S608  # constants


def find_rows(db: Connection, layers: Sequence[int], keys: Sequence[bytes]) -> Iterator[Row]:
    """Yield the newest rows of those of *keys* that have any, tombstones too, in no order."""
    return map(checked, db.execute(_FIND, {"keys": list(keys), "layers": list(layers)}).fetchall())


class Skips:
    """A position among objects and common prefixes. Holds no cursor of the database."""

    def __init__(
        self, db: Connection, layers: Sequence[int], prefix: bytes, delimiter: bytes, *, start: bytes, end: bytes | None
    ) -> None:
        self.seeks = 0
        self._db = db
        self._layers = len(layers)
        self._given = {
            "layers": list(layers),
            "above": end or _ABOVE_ALL,
            "delimiter": delimiter,
            "past": len(prefix) + 1,
            "before": len(prefix) - 1,
            "behind": delimiter[:-1] + bytes((min(delimiter[-1] + 1, 255),)),
            "least": b"\x00",
        }
        self._start = start
        self._buffer: Iterator[Row] = iter(())
        self._at_end = False

    def jump(self, start: bytes) -> None:
        """Go on at the first key that is not below *start*, the end of the common prefix that was just seen."""
        self._start = start

    def step(self) -> Row | None:
        """Return the newest row of the next key, tombstones too; None: the end."""
        row = next(self._buffer, None)
        if row is None and not self._at_end:
            found = self._db.execute(_SKIP, {**self._given, "start": self._start}).fetchall()
            self.seeks += len(found) * self._layers
            self._at_end = len(found) < ROWS_AT_ONCE
            self._buffer = map(checked, found)
            row = next(self._buffer, None)
        if row is not None:
            self._start = row.key + b"\x00"
        return row
