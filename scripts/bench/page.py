"""What a page asks of a store, of one in which little happened and of one in which much did, side by side.

    python scripts/bench/page.py            # 1,000 jobs and 100,000
    python scripts/bench/page.py --small    # 100 and 10,000

Every figure is a median of interleaved rounds, as time that passed and, in parentheses, time of the processor; what
counts is the ratio. The figures stand in docs/performance.md.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import trio
from measure import head, measured, show
from store import PAGE, commit_of, key_of, open_job_of, put_some, row_maker

from runner.model.address import parse
from runner.model.job import JobState
from runner.store import Store, open_store
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.history import commits, folders
from runner.store.history.authors import last_written
from runner.store.jobs import jobs, newjobs, tallies
from runner.store.jobs.joblog import JobLog, count_lines, read

SLOT = 1000
PIPELINES = 20
APART_US = 86_400_000
WINDOW = 500
_ENDS = [JobState.SUCCESS] * 990 + [JobState.FAILURE] * 8 + [JobState.KILLED] * 2


async def many_jobs(store: Store, count: int) -> None:
    """Write jobs of some pipelines that ended one after the other until now, 1,000 a day; a few are under way."""
    chance = random.Random(1)
    now_us = time.time_ns() // 1000
    zeros = dict.fromkeys(("restarts", *newjobs.COUNTERS), 0)

    def names(tx):
        for n in range(PIPELINES):
            query.insert(tx.db, "pipeline", {"project": "default", "name": f"p{n}", "created_us": 0})

    def write(tx, first):
        for n in range(first, min(first + SLOT, count)):
            ended_us = now_us - (count - n) * APART_US
            state = JobState.RUNNING if n >= count - 5 else chance.choice(_ENDS)
            row = {"pipeline": 1 + n % PIPELINES, "uuid": f"{n:032x}", "version": 1, "state": JOB_STATE.code(state)}
            row |= {"output_repo": 1, "output_branch": "master", "reason": "", "created_us": ended_us, **zeros}
            row |= {"started_us": ended_us - 60_000_000, "finished_us": ended_us if state.is_terminal else None}
            tallies.count(tx, query.insert_numbered(tx.db, "job", row))

    await store.writer.write(names)
    for first in range(0, count, SLOT):
        await store.writer.write(partial(write, first=first))


async def log_of(store: Store, lines: int):
    """Return the key of a job whose command said so many lines."""
    async with open_job_of(store) as session:
        log = JobLog(store, session.key, session.owner)
        async with trio.open_nursery() as nursery:
            await nursery.start(log.run)
            for n in range(lines):
                await log.append({"ts": "2026-01-01T00:00:00Z", "message": f"line {n} " + "x" * 60, "user": True})
            await log.aclose()
        return session.key


async def history_of(store: Store, objects: int, count: int) -> None:
    await commit_of(store, "history", objects, PAGE, await row_maker(store))
    for n in range(count):
        await put_some(store, "history", ((n * 10 + m) * 31 % objects for m in range(10)), PAGE, f"{n}")


async def ask_of_jobs(little: Store, much: Store) -> None:
    now = datetime.now(UTC)

    async def by_state(store):
        assert len(await tallies.by_state(store, "default")) >= PIPELINES

    async def by_time(store):
        await tallies.by_time(store, "default", since=now - timedelta(days=1), until=now)

    async def failed(store):
        await jobs.list_jobs(store, "default", states=(JobState.FAILURE,), limit=5)

    async def a_page(store):
        assert len(await jobs.list_jobs(store, "default", limit=50)) == 50

    async def usual(store):
        for n in range(PIPELINES):
            assert await jobs.usual_seconds(store, "default", f"p{n}") == 60

    acts = {
        "jobs by state, of 20 pipelines": by_state,
        "what ended in each of 48 half hours": by_time,
        "the last 5 that failed": failed,
        "50 jobs": a_page,
        "what a run usually takes, of 20": usual,
    }
    for what, act in acts.items():
        found = await measured({"little": partial(act, little), "much": partial(act, much)})
        show(what, found["little"], found["much"])


async def ask_of_logs(store: Store, small: int, large: int) -> None:
    keys = {"little": await log_of(store, small), "much": await log_of(store, large)}
    lines = {"little": small, "much": large}

    async def window(name):
        found = await read(store, keys[name], after_line=lines[name] // 2, limit=WINDOW)
        assert len(found) == WINDOW

    async def number(name):
        assert await count_lines(store, keys[name]) == lines[name]

    for what, act in (("a window of 500 lines in the middle", window), ("how many lines", number)):
        found = await measured({name: partial(act, name) for name in keys})
        show(what, found["little"], found["much"])


async def ask_of_commits(stores: dict[str, Store], objects: dict[str, int]) -> None:
    heads = {name: await commits.resolve(store, parse("history@master")) for name, store in stores.items()}
    parents = {name: await commits.resolve(store, parse("history@master^")) for name, store in stores.items()}

    async def authors(name):
        keys = [key_of(n * 31 % objects[name], PAGE) for n in range(PAGE)]
        assert len(await last_written(stores[name], heads[name], keys)) == PAGE

    async def changed(name):
        found = await folders.changes(stores[name], parents[name], heads[name], b"data/")
        assert found.whole.changed == 10

    async def between(name):
        first = await commits.resolve(stores[name], parse("history@master^9"))
        assert (await folders.changes(stores[name], first, heads[name])).whole.changed == 90

    acts = {
        "who wrote 1,000 keys last": authors,
        "what changed in the parent, by folder": changed,
        "the same between commits 9 apart": between,
    }
    for what, act in acts.items():
        found = await measured({name: partial(act, name) for name in stores})
        show(what, found["little"], found["much"])


async def main(*, small: bool) -> None:
    part = 10 if small else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_store(folder / "little") as little, open_store(folder / "much") as much:
            counts = {"little": 1000 // part, "much": 100_000 // part}
            for store, count in ((little, counts["little"]), (much, counts["much"])):
                await many_jobs(store, count)
            head("a store", *(f"of {count:,} jobs" for count in counts.values()))
            await ask_of_jobs(little, much)
            head("a log", "of 1,000 lines", f"of {100_000 // part:,} lines")
            await ask_of_logs(little, 1000, 100_000 // part)
            sizes, history = {"little": 2000, "much": 100_000 // part}, {"little": 20, "much": 1000 // part}
            for each, store in (("little", little), ("much", much)):
                await history_of(store, sizes[each], history[each])
            head("a commit", *(f"{sizes[each]:,} objects, {history[each]:,} before" for each in sizes))
            await ask_of_commits({"little": little, "much": much}, sizes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    trio.run(partial(main, small=parser.parse_args().small))
