"""A store that has something of everything, and what is seen of a store from outside."""

from __future__ import annotations

import random
import shutil
import sqlite3
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import psycopg
import trio

from runner.model import store_url
from runner.model.address import parse
from runner.model.ids import CommitId
from runner.model.job import JobState
from runner.store import Store, StoreSettings, files, open_store
from runner.store.buckets.storeview import StoreView
from runner.store.catalog import migrate
from runner.store.catalog.sqlite import CATALOG_NAME
from runner.store.catalog.sums import crc_of
from runner.store.check import check_store
from runner.store.collect import Graces, collect
from runner.store.history import commits, removal, repos, squash
from runner.store.jobs import jobs, pipelines
from runner.store.view import CompletedPart
from runner.store.writing import branches, open_commits
from runner.store.writing.bursts import open_bursts
from tests.store.test_session import write
from tests.store.world import NO_ATTRIBUTES, Body, commit_objects, open_session

AT_ONCE = Graces(0, 0)
PART = random.Random(1).randbytes(5 << 20)
LARGE = random.Random(2).randbytes(200_000)  # a blob with a file of its own
LINES = 1500  # characters of what is said of a fault
FORMER = 7
"""The format of the older store."""
URL = "url"
"""The file with the URL of a store whose catalog is in a database."""
LEASE_SECONDS = 1.0

Seen = dict[str, Any]


def opened(folder: Path) -> AbstractAsyncContextManager[Store]:
    """Open the store that is a folder, or whose catalog is in the database that a file in the folder names."""
    if not (folder / URL).exists():
        return open_store(folder)
    settings = StoreSettings(blobs=blobs_of(folder), hosts=folder / "hosts", lease_seconds=LEASE_SECONDS)
    return open_store(store_url.parse((folder / URL).read_text()), settings=settings)


def blobs_of(folder: Path) -> str:
    """Return where a store whose catalog is in a database has its blobs; nothing: where a former one had them."""
    return "" if (folder / "hosts").exists() and list((folder / "hosts").glob("*/blobs")) else str(folder / "blobs")


def move_blobs(folder: Path) -> None:
    """Let the catalog in a database, which was copied, name the blobs of this folder; as a former one did."""
    url = store_url.parse((folder / URL).read_text())
    with psycopg.connect(url.secret, autocommit=True) as db:
        if db.execute("SELECT to_regclass('meta')").fetchone() == (None,):
            return
        value = str(folder / "blobs")
        changed = "UPDATE meta SET value = %s, crc = %s WHERE name = 'blobs'"
        if not db.execute(changed, (value, crc_of(("blobs", value)))).rowcount:
            shutil.rmtree(folder / "hosts", ignore_errors=True)
            (folder / "hosts" / url.label / "locks").mkdir(parents=True)
            (folder / "hosts" / url.label / "blobs").symlink_to(value)


def forget_the_dead(folder: Path) -> None:
    """Let the leases of processes in a database run out."""
    if (folder / URL).exists():
        with psycopg.connect((folder / URL).read_text(), autocommit=True) as db:
            if db.execute("SELECT to_regclass('lease')").fetchone() != (None,):
                db.execute("UPDATE lease SET expires_us = 0")


async def make(folder: Path) -> None:
    """Make a store with a history, a fork, an open commit, a multipart object, a failed job and garbage."""
    async with opened(folder) as store:
        await commit_objects(store, {b"garbage/%d" % n: bytes([n]) * 50_000 for n in range(10)}, repo="gone")
        await commit_objects(store, {b"small": b"1", b"large": LARGE})
        for n in range(5):
            await commit_objects(store, {b"small/%d" % n: b"value %d" % n}, gone=[b"small/%d" % (n - 2)])
        async with open_bursts(store) as bursts:
            bucket = await StoreView(store, bursts, project="default").get_bucket("data")
            upload = await bucket.create_upload(b"multipart", NO_ATTRIBUTES)
            parts = [await bucket.put_part(upload, n, Body(data)) for n, data in ((1, PART), (2, b"end"))]
            await bucket.complete_upload(upload, [CompletedPart(part.number, part.etag) for part in parts])
        await commit_objects(store, {b"small": b"2"})
        head = await commits.resolve(store, parse("data@master^"))
        await branches.create(store, "default", "data", "fork", head.id)
        await commit_objects(store, {b"forked": b"3"}, branch="fork")
        await commit_objects(store, {b"kept": b"4"}, branch="hand")
        await open_commits.start(store, "default", "data", "hand", "by hand")
        await commit_objects(store, {b"staged": b"5" * 2000}, branch="hand")
        async with await open_session(store, {b"input": b"6"}) as session:
            await write(session, {b"left": LARGE[::-1]}, keep=False)
            await session.abandon(JobState.FAILURE, "exited 3", 1)
        lost = await commit_objects(store, {b"lost": LARGE[7:], b"less": b"7"})
        await squash.delete(store, [lost])
        await removal.delete_repo(store, "default", "gone")


def make_former(folder: Path) -> None:
    """Bring the catalog of a store into the form that a former release would have written."""
    if (folder / URL).exists():
        with psycopg.connect((folder / URL).read_text(), autocommit=True) as db:
            db.execute("UPDATE alembic_version SET version_num = '0012'")
            db.execute("DELETE FROM meta WHERE name = 'blobs'")
        return
    path = folder / CATALOG_NAME
    path.rename(folder / "present")
    migrate.upgrade(path, f"{FORMER:04}")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ATTACH ? AS present", (str(folder / "present"),))
        for (table,) in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table in ("alembic_version", "meta"):  # each form has its own
                continue
            columns = ", ".join(f'"{row[1]}"' for row in db.execute(f"PRAGMA main.table_info('{table}')"))
            db.execute(f'DELETE FROM main."{table}"')
            db.execute(f'INSERT INTO main."{table}" ({columns}) SELECT {columns} FROM present."{table}"')
        db.execute("INSERT INTO meta SELECT name, value FROM present.meta WHERE name IN ('uuid', 'gc_epoch')")
        db.execute("DETACH present")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
    (folder / "present").unlink()


async def look(store: Store) -> Seen:
    """Return all that users see of a store, without its ids and times."""
    seen: Seen = {}
    for repo in await repos.list_repos(store, "default"):
        every = await commits.list_commits(store, "default", repo.name, limit=1000)
        seen[f"{repo.name}: commits"] = sorted([_told(commit) for commit in every])
        for branch in await branches.list_branches(store, "default", repo.name):
            place = f"{repo.name}@{branch.name}"
            history = await commits.list_commits(store, "default", repo.name, branch.name, limit=1000)
            seen[f"{place}: history"] = [_told(commit) for commit in history]
            seen[f"{place}: staged"] = await branches.count_staged(store, "default", repo.name, branch.name)
            seen[f"{place}: head"] = {} if branch.head is None else await content(store, repo.name, branch.head)
    uploads = "SELECT u.key, count(p.n) FROM upload u LEFT JOIN part p ON p.upload = u.id"
    rows = store.catalog.db.execute(f"{uploads} WHERE u.completed IS NULL GROUP BY u.id, u.key").fetchall()
    seen["uploads"] = sorted((bytes(key), parts) for key, parts in rows)
    seen["jobs"] = [job.state for job in await jobs.list_jobs(store, "default")]
    seen["pipelines"] = [each.name for each in await pipelines.list_pipelines(store, "default")]
    return seen


def _told(commit) -> tuple[Any, ...]:
    return commit.branch, commit.state, commit.objects, commit.size_bytes, commit.digest.hex(), commit.description


async def content(store: Store, repo: str, head: CommitId) -> dict[bytes, str]:
    """Return the digest of each object, by its key; that its bytes are those says `require_sound`."""
    bucket = files.bucket_of(store, await commits.resolve(store, parse(f"{repo}@{head}")))
    page = await bucket.list(b"", b"", b"", 1000)
    return {entry.key: entry.digest.hex() for entry in page.items}


async def look_soundly(folder: Path) -> Seen:
    """Open a store, as the next command does; it must be sound."""
    forget_the_dead(folder)
    async with opened(folder) as store:
        await require_sound(store)
        return await look(store)


async def look_well(folder: Path) -> Seen:
    """As `look_soundly`; it must also be free of all leftovers after a collection."""
    seen = await look_soundly(folder)
    async with opened(folder) as store:
        await collect(store, AT_ONCE)
        assert await require_sound(store) == []
        assert await look(store) == seen
        require_no_leftovers(store, folder)
    return seen


def judge(how: Callable[[Path], Awaitable[Seen]], folder: Path) -> tuple[str, Seen]:
    """Look at a store in a loop of its own, and say what is wrong with it."""
    try:
        return "", trio.run(how, folder)
    except Exception as exc:  # noqa: BLE001  # after every fault it is to be told
        return "".join(traceback.format_exception(exc))[-LINES:], {}


def difference(before: Seen, found: Seen) -> str:
    """Say what is neither as before nor as it should be after."""
    names = [name for name in {*before, *found} if before.get(name) != found.get(name)]
    return str({name: (before.get(name), found.get(name)) for name in names})[:LINES]


async def require_sound(store: Store) -> list[str]:
    """Check every byte; return what is no damage and yet worth a word."""
    report = await check_store(store, read_data=True)
    assert report.problems == []
    return report.notes


def require_no_leftovers(store: Store, folder: Path) -> None:
    """No row, file or lock is left of what was not finished."""
    db = store.catalog.db
    assert db.execute("SELECT count(*) FROM layer WHERE state NOT IN (1, 2)").fetchone() == (0,)
    assert db.execute("SELECT count(*) FROM stack").fetchone() == (0,)
    assert list((folder / "blobs" / "incoming").iterdir()) == []
    if (folder / "locks").exists():
        assert {path.name for path in (folder / "locks").iterdir()} == {"writer"}
    assert not list(folder.glob("*.part*"))
