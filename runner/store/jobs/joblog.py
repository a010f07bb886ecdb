"""A job's log: lines in chunks, numbered from 1, so that a window of them costs no more than itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from runner.model.job import JobKey
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.jobs import jobs
from runner.store.owners import Owner, OwnerLost, fenced
from runner.store.store import Store

CHUNK_BYTES = 64 * 1024
CHUNK_SECONDS = 0.2
HELD_BYTES = 16 * CHUNK_BYTES
"""What may wait for the disk. One transaction writes all of it, because each costs a wait of its own."""

_CHUNK_OF = "SELECT max(first_line) FROM log_chunk WHERE job = ? AND first_line <= ?"
_CHUNKS = """
    SELECT first_line, text FROM log_chunk WHERE job = ? AND first_line >= ? AND first_line <= ? ORDER BY first_line
"""
_LAST_LINE = "SELECT first_line + lines - 1 FROM log_chunk WHERE job = ? ORDER BY first_line DESC LIMIT 1"

Line = Mapping[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class JobLog:
    """Takes lines while `run` runs. Its lines continue those that the job has already.

    Once another process has taken the job from *owner*, what is said here is nobody's and forgotten.
    """

    def __init__(self, store: Store, key: JobKey, owner: Owner) -> None:
        self._store = store
        self._owner = owner
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
        chunks = list(_chunks(lines, self._next_line))
        self._next_line += len(lines)
        with suppress(OwnerLost):
            await self._store.writer.write(fenced(self._owner, partial(_insert, job=self._job, chunks=chunks)))
        self._store.hints.tell(lines=True)


def _insert(tx: Transaction, job: int, chunks: Sequence[tuple[int, Sequence[bytes]]]) -> None:
    for first, lines in chunks:
        values = {"job": job, "first_line": first, "lines": len(lines), "text": b"".join(lines)}
        query.insert(tx.db, "log_chunk", values)


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
    db, job = store.catalog.db, jobs.require(store.catalog.db, key)
    start = query.value(db, _CHUNK_OF, (job, after_line + 1)) or 1
    found: list[tuple[int, Line]] = []
    for first, text in db.execute(_CHUNKS, (job, start, after_line + limit)).fetchall():
        numbered = enumerate(text.split(b"\n")[:-1], first)
        window = ((number, line) for number, line in numbered if after_line < number <= after_line + limit)
        found.extend((number, json.loads(line)) for number, line in window)
        await trio.lowlevel.checkpoint()
    return found


async def count_lines(store: Store, key: JobKey) -> int:
    """Return how many lines a job has; raises `NoSuchJob`."""
    return _count(store, jobs.require(store.catalog.db, key))


def _count(store: Store, job: int) -> int:
    return query.value(store.catalog.db, _LAST_LINE, (job,)) or 0
