"""Kill `crashing` at some instant, open the store again, and see what is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from runner.model.address import parse
from runner.model.job import JobKey, JobState
from runner.store import Store, open_store
from runner.store.catalog.codes import LayerState
from runner.store.history import commits
from runner.store.jobs import jobs
from runner.store.layers import tree
from runner.store.layers.entries import entry_of
from runner.store.writing import branches
from tests.store.crashing import value
from tests.store.world import commit_objects

ROOT = Path(__file__).parents[2]


class Victims:
    """Writers on one store, one after another."""

    def __init__(self, process: trio.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._held = b""

    async def run_until_killed(self, kill_after_lines: int, *, objects: int = 30) -> list[list[str]]:
        """Run one, kill it when it has said so many lines, and return the words of each."""
        await self._process.stdin.send_all(f"{self._folder}\t1000\t{objects}\n".encode())
        _, pid = await self._line()
        said = [await self._line() for _ in range(kill_after_lines)]
        os.kill(int(pid), signal.SIGKILL)
        while said[-1] != ["dead"]:
            said.append(await self._line())
        return said[:-1]

    async def _line(self) -> list[str]:
        while b"\n" not in self._held:
            piece = await self._process.stdout.receive_some()
            assert piece, "the writers ended"
            self._held += piece
        line, _, self._held = self._held.partition(b"\n")
        return line.decode().split()


@asynccontextmanager
async def open_victims(folder: Path) -> AsyncIterator[Victims]:
    """Make a store with an input in *folder*, and start what forks the writers."""
    async with open_store(folder) as store:
        await commit_objects(store, {b"a": b"1"})
    command = [sys.executable, "-m", "tests.store.crashing"]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        yield Victims(process, folder)
    finally:
        await process.stdin.aclose()
        await process.wait()
        await process.stdout.aclose()


async def check(folder: Path, said: list[list[str]]) -> str:
    """Check every promise about what was acknowledged; return how far the last job had come."""
    phase: dict[str, str] = {}
    put: dict[str, set[str]] = defaultdict(set)
    for word, *rest in said:
        if word == "put":
            put[rest[0]].add(rest[1])
        if rest:
            phase[rest[0]] = word
    async with open_store(folder) as store:
        for job, last in phase.items():
            await check_job(store, JobKey("default", "double", job), last, put[job])
        await check_nothing_is_left(store)
    return next(reversed(phase.values()), "none")


async def check_job(store: Store, key: JobKey, phase: str, acknowledged: set[str]) -> None:
    state = (await jobs.inspect(store, key)).state
    published = await jobs.output(store, key)
    if phase == "committed":
        assert state == JobState.SUCCESS
    elif phase == "sealed":
        assert state == JobState.SUCCESS, "a sealed job is committed by whoever meets it next"
    else:
        assert state in (JobState.SUCCESS, JobState.KILLED)
    assert (state == JobState.SUCCESS) == (published is not None)
    found = published or await jobs.quarantined(store, key)
    held = set() if found is None else await keys_of(store, found)
    assert acknowledged <= held, "an acknowledged object is lost"
    if published is not None:
        record = await jobs.record(store, key)
        assert record["job"] == key.id
        assert record.get("whole") or record["output"]["objects"] == len(held) == published.objects


async def keys_of(store: Store, commit) -> set[str]:
    """Return the keys of a commit, all of whose bytes are right."""
    db = store.catalog.db
    number = commits.require_id(db, 2, commit.id)
    keys = set()
    async for row in tree.walk(store.catalog.db, commits.read_set(db, number)):
        entry = entry_of(row)
        data = b"".join([piece async for piece in store.objects.read(entry.content, 0, entry.size)])
        assert data == value(row.key.decode())
        keys.add(row.key.decode())
    return keys


async def check_nothing_is_left(store: Store) -> None:
    db = store.catalog.db
    open_states = (LayerState.OPEN, LayerState.DROPPING, LayerState.BUILDING)
    assert db.execute("SELECT count(*) FROM layer WHERE state IN (?, ?, ?)", open_states).fetchone() == (0,)
    assert db.execute("SELECT count(*) FROM stack").fetchone() == (0,)
    assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    head = (await branches.inspect(store, "default", "double", "master")).head
    if head is not None:
        history = await commits.list_commits(store, "default", "double", "master", limit=10_000)
        assert (await commits.resolve(store, parse("double@master"))) == history[0]
