"""A store in use that holds at least one row of every table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import trio

from runner.model.account import Access, AccessLevel
from runner.model.entry import Attributes, Checksum, ChecksumAlgorithm, ChecksumType
from runner.model.job import ProcessExit
from runner.model.provenance import SCHEMA
from runner.spec.effective import pipeline_of
from runner.store import Store, accounts, open_store
from runner.store.buckets.storeview import StoreView
from runner.store.collect import Graces, collect
from runner.store.history import repos
from runner.store.jobs.datums import Planned
from runner.store.jobs.joblog import JobLog
from runner.store.pipelines import control, registry
from runner.store.sessions.sessions import JobSession
from runner.store.view import CompletedPart, Versioning
from runner.store.writing import open_commits
from runner.store.writing.bursts import BurstSettings, open_bursts
from tests.store.test_triggers import pipeline
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, commit_objects, open_session, read_all

LARGE = bytes(range(256)) * 1000
PART = bytes(5 << 20)
STAYS = BurstSettings(idle_seconds=3600, max_seconds=3600, max_keys=1000)
ATTRIBUTES = Attributes({"content-type": "text/csv"}, {"mtime": "1700000000.5", "by": "ada"}, {"tag": "value"})


@asynccontextmanager
async def rich_store(folder: Path) -> AsyncIterator[Store]:
    """Open a store with history, versions, jobs that ended, run, wait and are to stop, clocks, rights and garbage."""
    async with open_store(folder) as store, open_bursts(store, STAYS) as bursts, trio.open_nursery() as nursery:
        for n in range(7):
            await commit_objects(store, {b"k%d" % (n % 5): b"v%d" % n, b"large": LARGE[n:]}, gone=[b"k%d" % (n % 3)])
        async with await open_session(store, {b"input": b"data"}) as session:
            await _succeed(store, session)
        running = await nursery.start(_run, store)
        await control.stop(store, running)
        await _register(store)
        await _stage(store, bursts)
        await _leave_garbage(store)
        await accounts.create(store, "ada", [Access("default", "data", AccessLevel.READ)])
        await repos.create(store, "default", "open")
        await open_commits.start(store, "default", "open", "master", "by hand")
        yield store
        nursery.cancel_scope.cancel()


async def _succeed(store: Store, session: JobSession) -> None:
    await session.datums.put([Planned(DATUM, b"hash", [])], skip=False)
    log = JobLog(store, session.key, session.owner)
    async with trio.open_nursery() as writing:
        writing.start_soon(log.run)
        await log.append({"message": "a line"})
        await log.aclose()
    attempt = await session.open_attempt(DATUM, 1)
    source = await attempt.view.get_bucket("data")
    await read_all(await source.get(b"input"))
    out = await attempt.view.get_bucket("out")
    await out.put(b"result", Body(b"some output"), ATTRIBUTES)
    upload = await out.create_upload(b"multipart", NO_ATTRIBUTES)
    parts = [await out.put_part(upload, n, Body(PART if n < 2 else b"end")) for n in (1, 2)]
    await out.complete_upload(upload, [CompletedPart(part.number, part.etag) for part in parts])
    await attempt.close(keep=True, exit=ProcessExit(0, None), reason="")
    await session.seal()
    output = {"commit": session.key.id, "digest": (await session.summary()).digest.hex()}
    await session.commit({"schema": SCHEMA, "note": "a record", "output": output})


async def _run(store: Store, task_status: trio.TaskStatus) -> None:
    """Hold a job under way, with an attempt that has written something."""
    async with await open_session(store, {b"more": b"data"}) as session:
        attempt = await session.open_attempt(DATUM, 1)
        await (await attempt.view.get_bucket("out")).put(b"half", Body(b"done"), NO_ATTRIBUTES)
        task_status.started(session.key)
        await trio.sleep_forever()


async def _register(store: Store) -> None:
    """Let pipelines wait for a job, for a clock and for another branch."""
    base = pipeline("waits", "data").spec
    cron = {"name": "tick", "spec": "@hourly", "project": "default", "repo": "waits_tick"}
    await registry.create(store, pipeline_of({**base, "input": {"cross": [{"cron": cron}, base["input"]]}}))
    pfs = {**pipeline("follows", "data").spec["input"]["pfs"], "branch": "after", "trigger": {"branch": "master"}}
    await registry.create(store, pipeline_of({**pipeline("follows", "data").spec, "input": {"pfs": pfs}}))
    await registry.run(store, "default", "waits", datetime.now(UTC))


async def _stage(store: Store, bursts) -> None:
    """Leave versions, a document, an upload in progress and a burst on a branch."""
    bucket = await StoreView(store, bursts, project="default").create_bucket("staged")
    await bucket.set_versioning(Versioning.ENABLED)
    for body in (b"1", b"2"):
        await bucket.put(b"k", Body(body, checksum=_CHECKSUM), ATTRIBUTES)
    await bucket.delete(b"gone")
    upload = await bucket.create_upload(b"later", ATTRIBUTES, ChecksumAlgorithm.CRC32)
    await bucket.put_part(upload, 1, Body(b"part", checksum=_CHECKSUM))


async def _leave_garbage(store: Store) -> None:
    async with await open_session(store, {b"input": b"data"}) as session:
        attempt = await session.open_attempt(DATUM, 1)
        await (await attempt.view.get_bucket("out")).put(b"lost", Body(b"lost"), NO_ATTRIBUTES)
        await attempt.close(keep=False, exit=None, reason="")
    await collect(store, Graces(3600, 0))


_CHECKSUM = Checksum(ChecksumAlgorithm.CRC32, "AAAAAA==", ChecksumType.FULL_OBJECT)
