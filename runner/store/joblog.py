"""A job's log: lines in chunks, numbered from 1, so that a window of them costs no more than itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
import trio

from runner.model.job import JobKey
from runner.store import jobs
from runner.store.catalog import tables as t
from runner.store.catalog.engine import core
from runner.store.store import Store

CHUNK_BYTES = 64 * 1024
CHUNK_SECONDS = 0.2
HELD_BYTES = 16 * CHUNK_BYTES
"""What may wait for the disk. One transaction writes all of it, because each costs a wait of its own."""

Line = Mapping[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class JobLog:
    """Takes lines while `run` runs. Its lines continue those that the job has already."""

    def __init__(self, store: Store, key: JobKey) -> None:
        self._store = store
        self._job = jobs.require(store.catalog.db, key)
        self._next_line = _count(store, self._job) + 1
        self._lines: list[bytes] = []
        self._held = 0
        self._closing = False
        self._some, self._enough, self._taken = trio.Event(), trio.Event(), trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is appended, at the latest 200 ms later, until `aclose`.

        Cancellation: what is held is lost; end it with `aclose`.
        """
        task_status.started()
        while True:
            await self._some.wait()
            if not self._lines:
                return
            with trio.move_on_after(CHUNK_SECONDS):
                await self._enough.wait()
            await self._write()

    async def append(self, *lines: Line) -> None:
        """Add lines, without secrets; waits while the disk is slower than they come."""
        for line in lines:
            while self._held >= HELD_BYTES:
                await self._taken.wait()
            text = _encode(line).encode() + b"\n"
            self._lines.append(text)
            self._held += len(text)
            self._some.set()
            if self._held >= CHUNK_BYTES:
                self._enough.set()

    async def aclose(self) -> None:
        """Let `run` write what is held and return."""
        self._closing = True
        self._some.set()
        self._enough.set()
        await trio.lowlevel.checkpoint()

    async def _write(self) -> None:
        lines, self._lines, self._held = self._lines, [], 0
        if not self._closing:
            self._some, self._enough = trio.Event(), trio.Event()
        self._taken.set()
        self._taken = trio.Event()
        rows = [
            {"job": self._job, "first_line": first, "lines": len(chunk), "text": b"".join(chunk)}
            for first, chunk in _chunks(lines, self._next_line)
        ]
        self._next_line += len(lines)
        await self._store.writer.write(lambda tx: core(tx.db, sa.insert(t.log_chunk), rows))
        self._store.hints.tell(lines=True)


def _chunks(lines: Sequence[bytes], number: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield groups of lines of about the size of a chunk, each with the number of its first line."""
    begin = size_bytes = 0
    for end, line in enumerate(lines, 1):
        size_bytes += len(line)
        if size_bytes >= CHUNK_BYTES or end == len(lines):
            yield number + begin, lines[begin:end]
            begin, size_bytes = end, 0


async def read(store: Store, key: JobKey, *, after_line: int = 0, limit: int = 1000) -> Sequence[tuple[int, Line]]:
    """Return lines with their numbers, from the one after *after_line* on; raises `NoSuchJob`."""
    job = jobs.require(store.catalog.db, key)
    columns = t.log_chunk.c
    at = sa.select(sa.func.max(columns.first_line)).where(columns.job == job, columns.first_line <= after_line + 1)
    start = core(store.catalog.db, at).scalar() or 1
    found: list[tuple[int, Line]] = []
    while len(found) < limit:
        row = store.catalog.row(
            sa.select(t.log_chunk).where(columns.job == job, columns.first_line >= start).order_by(columns.first_line)
        )
        if row is None:
            break
        numbered = enumerate(row.text.split(b"\n")[:-1], row.first_line)
        found.extend((number, json.loads(text)) for number, text in numbered if number > after_line)
        start = row.first_line + row.lines
        await trio.lowlevel.checkpoint()
    return found[:limit]


async def count_lines(store: Store, key: JobKey) -> int:
    """Return how many lines a job has; raises `NoSuchJob`."""
    return _count(store, jobs.require(store.catalog.db, key))


def _count(store: Store, job: int) -> int:
    columns = t.log_chunk.c
    last = store.catalog.row(
        sa.select(columns.first_line, columns.lines).where(columns.job == job).order_by(columns.first_line.desc())
    )
    return 0 if last is None else int(last.first_line + last.lines - 1)
