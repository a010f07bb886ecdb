"""The read log of a job: what its program really read, all requests for one thing together, in bounded memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from runner.model.entry import Entry
from runner.model.provenance import Observed, ReadKind
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.layers.tree import prefix_end, successor
from runner.store.owners import Owner, fenced
from runner.store.store import Store
from runner.store.times import from_us, to_us

HELD_MAX = 4096
"""So many things and ranges are held in memory; above, they move to the catalog."""
_ROWS_PER_WRITE = 1000
_COLUMNS = "input, key, op, detail, ranges, reached, requests, first_us, last_us"
_TAKE = f"""
    DELETE FROM observed WHERE job = ? AND input = ? AND key = ? AND op = ? AND detail = ? RETURNING {_COLUMNS}
"""  # noqa: S608  # constants

_ABOVE = b"\xff"
"""Above all keys, which are UTF-8."""

_Key = tuple[str, bytes, ReadKind, bytes]
_Range = tuple[int, int]


@dataclass(slots=True)
class Traffic:
    """What went through one bucket so far.

    Attributes:
        total_objects: In an input's commit; None for `out`.
        failed: Requests that were refused or found nothing.
    """

    objects_read: int = 0
    bytes_read: int = 0
    objects_written: int = 0
    bytes_written: int = 0
    requests: int = 0
    failed: int = 0
    total_objects: int | None = None


@dataclass(slots=True)
class _Seen:
    first_us: int
    last_us: int
    count: int = 0
    ranges: list[_Range] = field(default_factory=list)
    reached: bytes | None = b""


class ReadLog:
    """What was read of a job's inputs."""

    def __init__(self, store: Store, job: int, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._job = job
        self._seen: dict[_Key, _Seen] = {}
        self._ranges = 0

    def note_object(self, bucket: str, entry: Entry, op: ReadKind) -> None:
        """Note a GET or HEAD of an object."""
        self._note((bucket, entry.key, op, entry.etag.encode()))

    def note_range(self, bucket: str, entry: Entry, first: int, end: int) -> None:
        """Note that the bytes ``[first, end)`` of an object were sent, after `note_object`."""
        seen = self._seen.get((bucket, entry.key, ReadKind.GET, entry.etag.encode()))
        if seen is None:  # moved to the catalog meanwhile
            seen = self._note((bucket, entry.key, ReadKind.GET, entry.etag.encode()), requests=0)
        before = len(seen.ranges)
        seen.ranges = merged((*seen.ranges, (first, end)))
        self._ranges += len(seen.ranges) - before

    def note_miss(self, bucket: str, key: bytes) -> None:
        """Note that a key was asked for that is not there."""
        self._note((bucket, key, ReadKind.MISS, b""))

    def note_list(self, bucket: str, prefix: bytes, delimiter: bytes, reached: bytes | None) -> None:
        """Note a page of a listing that ended at *reached*; None: at its end."""
        seen = self._note((bucket, prefix, ReadKind.LIST, delimiter))
        seen.reached = _further(seen.reached, reached)

    @property
    def is_full(self) -> bool:
        """Whether `spill` is due."""
        return len(self._seen) + self._ranges > HELD_MAX

    async def spill(self) -> None:
        """Move what is held into the catalog, onto what is there of the same things."""
        held, self._seen, self._ranges = list(self._seen.items()), {}, 0
        rows = [_observed(key, seen) for key, seen in held]
        for at in range(0, len(rows), _ROWS_PER_WRITE):
            chunk = rows[at : at + _ROWS_PER_WRITE]
            await self._store.writer.write(fenced(self._owner, partial(_upsert, job=self._job, rows=chunk)))

    async def carry_over(self, job: int, given: str, key: bytes) -> None:
        """Take over what another *job* read of a file or folder of an input, as its output is taken over too.

        Args:
            job: Its number.
            given: Name of the input.
            key: Of the file; of a folder what its keys begin with, up to a slash, or nothing for all of the input.
        """
        last: Observed | None = None
        while rows := _below(self._store.catalog.db, job, given, key, last):
            await self._store.writer.write(fenced(self._owner, partial(_upsert, job=self._job, rows=rows)))
            last = rows[-1]

    def snapshot(self) -> Sequence[Observed]:
        """Return all that was read so far, by input, key and kind."""
        held = {key: _observed(key, seen) for key, seen in self._seen.items()}
        for row in stored(self._store.catalog.db, self._job):
            key = _key(row)
            held[key] = _joined(row, held[key]) if key in held else row
        return [held[key] for key in sorted(held)]

    def _note(self, key: _Key, *, requests: int = 1) -> _Seen:
        now_us = time.time_ns() // 1000
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(now_us, now_us)
        seen.last_us = now_us
        seen.count += requests
        return seen


def merged(ranges: Iterable[_Range]) -> list[_Range]:
    """Return the same bytes as the fewest half-open ranges, in order."""
    result: list[_Range] = []
    for first, end in sorted(ranges):
        if first >= end:
            continue
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((first, end))
    return result


def stored(db: Connection, job: int, *, after: Observed | None = None, limit: int | None = None) -> Sequence[Observed]:
    """Return what the catalog holds of a job's reads, in the order of `ReadLog.snapshot`."""
    statement = f"SELECT {_COLUMNS} FROM observed WHERE job = ?"  # noqa: S608  # constants
    parameters: list[Any] = [job]
    if after is not None:
        statement += " AND (input, key, op, detail) > (?, ?, ?, ?)"
        parameters += _key(after)
    statement += " ORDER BY input, key, op, detail"
    if limit is not None:
        statement += " LIMIT ?"
        parameters.append(limit)
    return [_from_row(row) for row in query.rows(db, statement, parameters)]


def _below(db: Connection, job: int, given: str, key: bytes, after: Observed | None) -> Sequence[Observed]:
    """Return a page of what a job read of one object, or of all under a prefix, which ends with a slash or is empty."""
    end = prefix_end(key) or _ABOVE if not key or key.endswith(b"/") else successor(key)
    statement = f"SELECT {_COLUMNS} FROM observed WHERE job = ? AND input = ? AND key >= ? AND key < ?"  # noqa: S608  # constants
    parameters: list[Any] = [job, given, key, end]
    if after is not None:
        statement += " AND (key, op, detail) > (?, ?, ?)"
        parameters += _key(after)[1:]
    rows = query.rows(db, f"{statement} ORDER BY key, op, detail LIMIT ?", (*parameters, _ROWS_PER_WRITE))
    return [_from_row(row) for row in rows]


def _upsert(tx: Transaction, job: int, rows: Sequence[Observed]) -> None:
    for row in rows:
        found = query.row(tx.db, _TAKE, (job, *_key(row)))
        query.insert(tx.db, "observed", _to_row(job, row if found is None else _joined(row, _from_row(found))))


def _joined(one: Observed, other: Observed) -> Observed:
    return replace(
        one,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        count=one.count + other.count,
        ranges=tuple(merged((*one.ranges, *other.ranges))),
        reached=_further(one.reached, other.reached),
    )


def _further(one: bytes | None, other: bytes | None) -> bytes | None:
    return None if one is None or other is None else max(one, other)


def _key(row: Observed) -> _Key:
    return row.input, row.key, row.op, row.delimiter if row.op == ReadKind.LIST else row.etag.encode()


def _observed(key: _Key, seen: _Seen) -> Observed:
    name, path, op, detail = key
    is_list = op == ReadKind.LIST
    return Observed(
        input=name,
        key=path,
        op=op,
        first=from_us(seen.first_us),
        last=from_us(seen.last_us),
        count=seen.count,
        etag="" if is_list else detail.decode(),
        ranges=tuple(seen.ranges),
        delimiter=detail if is_list else b"",
        reached=seen.reached if is_list else None,
    )


def _to_row(job: int, row: Observed) -> Mapping[str, Any]:
    name, key, op, detail = _key(row)
    return {
        "job": job,
        "input": name,
        "key": key,
        "op": op,
        "detail": detail,
        "ranges": json.dumps(row.ranges),
        "reached": row.reached,
        "requests": row.count,
        "first_us": to_us(row.first),
        "last_us": to_us(row.last),
    }


def _from_row(row: query.Row) -> Observed:
    seen = _Seen(
        row.first_us, row.last_us, row.requests, [(first, end) for first, end in json.loads(row.ranges)], row.reached
    )
    return _observed((row.input, row.key, ReadKind(row.op), row.detail), seen)
