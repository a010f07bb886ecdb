"""How the store grows: the same operation on little and on much, side by side in one run.

    python scripts/bench/store.py            # the full sizes, some minutes
    python scripts/bench/store.py --small    # a tenth, to see that it runs
    python scripts/bench/store.py jobs       # a part of it
    python scripts/bench/store.py scale --store postgresql://…    # a part, in an empty database

Every figure is a median of interleaved rounds, as time that passed and, in parentheses, time of the processor; what
counts is the ratio, since machines differ and are noisy. The figures stand in docs/performance.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Collection, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from blake3 import blake3
from measure import Watch, head, measured, median, peak_mib, show

from runner.model import store_url
from runner.model.address import parse
from runner.model.entry import Attributes
from runner.model.job import DatumState, JobInput
from runner.model.pipeline import PfsInput, Pipeline, Transform
from runner.store import Store, StoreSettings, files, open_store
from runner.store.catalog import query
from runner.store.catalog.codes import DATUM_STATE, EntryKind
from runner.store.history import commits, repos
from runner.store.jobs import pipelines
from runner.store.jobs.datums import Planned
from runner.store.layers import staging, tree
from runner.store.layers.entries import Row
from runner.store.sessions import begin
from runner.store.writing import branches
from runner.store.writing.changes import open_change

PAGE = 1000
SLOT = 5000
NOTHING = Attributes()
PIPELINE = Pipeline(
    "default",
    "job",
    Transform(("true",)),
    PfsInput("d0", "default", "d0", "master", "/", s3=True),
    s3_out=True,
    spec={"pipeline": {"name": "job"}},
    digest="1",
)


def key_of(number: int, folders: int) -> bytes:
    return f"data/folder-{number % folders:04}/object-{number:09}.bin".encode()


async def body(data: bytes):
    yield data


async def fill(store: Store, layer: int, rows: Iterable[Row]) -> None:
    """Write rows into an open layer as quickly as the catalog takes them; their content is one blob."""

    def write(tx, slot):
        staging.put_rows(tx, layer, slot)

    slot = []
    for row in rows:
        slot.append(row)
        if len(slot) == SLOT:
            await store.writer.write(partial(write, slot=slot))
            slot = []
    await store.writer.write(partial(write, slot=slot))


async def row_maker(store: Store) -> Callable[[bytes, int], Row]:
    """Put one object and return what makes rows that refer to its content, each with an ETag of its own."""
    async with open_change(store, "default", "seed", "master") as change:
        entry = await change.put(b"seed", body(b"x" * 100), NOTHING)
        await change.commit()
    content = entry.content.id

    def make(key: bytes, mark: int) -> Row:
        return Row(key, EntryKind.BLOB, content, entry.digest, entry.size, f"{mark:032x}", 0, None)

    return make


async def commit_of(store: Store, repo: str, count: int, folders: int, make) -> None:
    async with open_change(store, "default", repo, "master") as change:
        await fill(store, change._stack.top, (make(key_of(n, folders), n) for n in range(count)))
        await change.commit()


async def put_some(store: Store, repo: str, numbers: Iterable[int], folders: int, mark: str) -> None:
    async with open_change(store, "default", repo, "master") as change:
        for number in numbers:
            await change.put(key_of(number, folders), body(f"{mark}-{number}".encode()), NOTHING)
        await change.commit()


async def layers(store: Store, address: str):
    commit = await commits.resolve(store, parse(address))
    db = store.catalog.db
    return commits.read_set(db, commits.require_id(db, repos.require(db, "default", commit.repo), commit.id))


async def scale(store: Store, small: int, large: int) -> None:
    """A commit of much costs a reader, and whoever goes on from it, what one of little costs."""
    make = await row_maker(store)
    peaks = []
    for name, count in (("little", small), ("much", large)):
        await commit_of(store, name, count, PAGE, make)
        peaks.append(peak_mib())
    db = store.catalog.db
    head("a commit", f"of {small:,} objects", f"of {large:,} objects")
    sets = {name: await layers(store, f"{name}@master") for name in ("little", "much")}
    counts = {"little": small, "much": large}
    acts = {
        "a page of 1,000 keys": lambda name: tree.list_page(
            db, sets[name], b"", b"", key_of(counts[name] // 2, PAGE), limit=PAGE
        ),
        "1,000 prefixes by a delimiter": lambda name: tree.list_page(db, sets[name], b"data/", b"/", b"", limit=PAGE),
        "1,000 point reads": lambda name: points(db, sets[name], counts[name]),
        "a fork": lambda name: fork(store, name),
        "a commit of 10 changes": lambda name: change_ten(store, name, counts[name]),
    }
    for what, act in acts.items():
        found = await measured({name: partial(act, name) for name in ("little", "much")})
        show(what, found["little"], found["much"])
    print(f"  peak memory: {peaks[0]:.0f} MiB, {peaks[1]:.0f} MiB, at the end {peak_mib():.0f} MiB")


async def points(db, read_set, count: int) -> None:
    for number in range(0, count, max(count // 1000, 1)):
        assert tree.find(db, read_set, key_of(number, PAGE)) is not None


_forks = iter(range(10**9))
_changes = iter(range(10**9))


async def fork(store: Store, name: str) -> None:
    head = await commits.resolve(store, parse(f"{name}@master"))
    await branches.create(store, "default", name, f"fork-{next(_forks)}", head.id)


async def change_ten(store: Store, name: str, count: int) -> None:
    mark = next(_changes)
    await put_some(store, name, ((mark * 7919 + n * 104729) % count for n in range(10)), PAGE, f"ten-{mark}")


async def history(store: Store, objects: int, count: int) -> None:
    """The last of many commits is as fast as one of the first, to make and to read."""
    make = await row_maker(store)
    await commit_of(store, "history", objects, PAGE, make)
    times, sizes = [], []
    db = store.catalog.db
    for number in range(count):
        watch = Watch()
        await put_some(store, "history", ((number * 10 + n) * 31 % objects for n in range(10)), PAGE, f"{number}")
        times.append(watch.read())
        if number in (9, count - 1):
            sizes.append((rows_of(db, "entry"), catalog_bytes(store)))
    head(f"{count:,} commits of 10 changes onto {objects:,} objects", "the 10th", f"the {count:,}th")
    show("a commit (medians of 19 around)", median(times[1:20]), median(times[-19:]))
    middle, last = await layers(store, f"history@master^{count // 2}"), await layers(store, "history@master")
    first = await layers(store, f"history@master^{count - 10}")
    for name, read_set in ((f"the {count // 2}th", middle), (f"the {count:,}th", last)):
        pages = {each: partial(page, db, which) for each, which in (("first", first), ("other", read_set))}
        reads = await measured(pages)
        show(f"a page of 1,000 keys, {name} ({len(read_set)} layers)", reads["first"], reads["other"])
        gets = {each: partial(points, db, which, objects) for each, which in (("first", first), ("other", read_set))}
        reads = await measured(gets)
        show(f"1,000 point reads, {name}", reads["first"], reads["other"])
    changed = (count - 10) * 10
    rows, size = (after - before for before, after in zip(*sizes, strict=True))
    print(f"  of the catalog for each object written: {rows / changed:.1f} entries, {size / changed:,.0f} bytes")


def rows_of(db, table: str) -> int:
    return query.value(db, f"SELECT count(*) FROM {table}")


def catalog_bytes(store: Store) -> int:
    """Return the size of the database without its log, after what the log holds was moved there."""
    if not store.engine.has_folder:
        return store.engine.size_bytes()
    pages, size = (query.value(store.catalog.db, f"PRAGMA {name}") for name in ("page_count", "page_size"))
    return pages * size


async def page(db, read_set) -> None:
    assert len((await tree.list_page(db, read_set, b"", b"", b"", limit=PAGE)).items) == PAGE


@asynccontextmanager
async def open_job_of(store: Store):
    await put_some(store, "d0", range(1), PAGE, "input")
    commit = await commits.resolve(store, parse("d0@master"))
    version = await pipelines.register(store, PIPELINE)
    given = JobInput("d0", "default", "d0", "master", commit.id)
    async with await begin.open_job(store, PIPELINE, version=version, inputs=[given]) as session:
        await session.start()
        yield session


async def write_objects(store: Store, session, objects: int, mark: str, make) -> None:
    """Write a job's output: 10 objects as a program would, the others as quickly as the catalog takes them."""
    attempt = await session.open_attempt("d" * 64, 1)
    layer = query.value(store.catalog.db, "SELECT max(id) FROM layer WHERE state = 0")
    await fill(store, layer, (make(key_of(n, PAGE), n) for n in range(objects)))
    for n in range(10):
        await attempt.buckets["out"].put(key_of(n, PAGE), Bytes(f"{mark}-{n}".encode()), NOTHING)
    await attempt.close(keep=True, exit=None, reason="")


async def finalize(store: Store, objects: int) -> None:
    """A job's output is sealed, digested and committed; a daily job then writes the same again with 10 changed."""
    make = await row_maker(store)
    print(f"a job with {objects:,} objects in out, and the same again with 10 of them changed")
    db = store.catalog.db
    for number in range(3):
        before = [rows_of(db, table) for table in ("blob", "entry")]
        size = catalog_bytes(store)
        async with open_job_of(store) as session:
            await write_objects(store, session, objects, f"{number}", make)
            watch = Watch()
            await session.seal({"job": "x"})
            sealed = watch.read()
            summary = await session.summary()
            told = watch.read()
            await session.commit({"schema": "x", "output": {}})
            done = watch.read()
        blobs, rows = (rows_of(db, table) - was for table, was in zip(("blob", "entry"), before, strict=True))
        print(
            f"  finalize {done.wall:.2f} s ({done.cpu:.2f}): seal and digest {sealed.wall:.2f}, compare"
            f" {told.wall - sealed.wall:.2f}, commit, while the branch is locked, {done.wall - told.wall:.4f};"
            f" changed {summary.changed:,}; new: {blobs:,} blobs, {rows:,} entries,"
            f" {(catalog_bytes(store) - size) / 2**20:.1f} MiB of catalog"
        )


async def skip(store: Store, datums: int, objects: int) -> None:
    """A job of many datums of which one is new: the output of the others is carried over."""
    print(f"a job of {datums:,} datums that wrote {objects:,} objects, and the same with one datum new")
    make = await row_maker(store)
    db = store.catalog.db
    for number in range(3):
        before, size = rows_of(db, "entry"), catalog_bytes(store)
        async with open_job_of(store) as session:
            names = [blake3(f"{n}".encode()).hexdigest() for n in range(datums)]
            hashes = [f"{n}-{number if n == 0 else 0}".encode() for n in range(datums)]
            watch = Watch()
            planned = (Planned(name, hash_, []) for name, hash_ in zip(names, hashes, strict=True))
            await session.datums.put(planned, skip=True)
            taken = watch.read()
            for n, name in enumerate(names):
                if number == 0 or n == 0:
                    attempt = await session.open_attempt(name, 1)
                    layer = query.value(db, "SELECT max(id) FROM layer WHERE state = 0")
                    each = objects // datums
                    await fill(store, layer, (make(f"{name}/{m}".encode(), m) for m in range(each)))
                    await attempt.close(keep=True, exit=None, reason="")
            watch = Watch()
            await session.seal({"job": "x"})
            await session.summary()
            await session.commit({"schema": "x", "output": {}})
            done = watch.read()
        skipped = query.value(db, f"SELECT count(*) FROM datum WHERE state = {DATUM_STATE.code(DatumState.SKIPPED)}")
        print(
            f"  what is skipped {taken.wall:.2f} s ({taken.cpu:.2f}), finalize {done.wall:.2f} s ({done.cpu:.2f});"
            f" skipped so far {skipped:,}; new: {rows_of(db, 'entry') - before:,} entries,"
            f" {(catalog_bytes(store) - size) / 2**20:.1f} MiB of catalog"
        )


class Bytes:
    """A body of a write."""

    checksum = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self):
        yield self._data


async def import_again(store: Store, folder: Path, count: int) -> None:
    """An unchanged folder is read and nothing of it is stored; where its files' times are trusted it is not read."""
    source = folder / "source"
    source.mkdir()
    for number in range(count):
        (source / f"{number}").write_bytes(blake3(f"{number}".encode()).digest(16384))
    print(f"import of a folder of {count:,} files of 16 KiB")
    for what, trust in (("first", False), ("again", False), ("again, with --trust-mtime", True)):
        watch = Watch()
        before = sum(rows_of(store.catalog.db, table) for table in ("blob", "entry"))
        _, is_new = await files.import_folder(store, source, "default", "imported", "master", trust_mtime=trust)
        took = watch.read()
        rows = sum(rows_of(store.catalog.db, table) for table in ("blob", "entry")) - before
        news = "a new commit" if is_new else "nothing new"
        print(f"  {what}: {took.wall:.2f} s ({took.cpu:.2f}), {news}, {rows:,} rows")


async def main(parts: Collection[str], url: str, *, small: bool) -> None:
    part = 10 if small else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        acts = {
            "scale": partial(scale, small=10_000 // part, large=1_000_000 // part),
            "history": partial(history, objects=100_000 // part, count=1000 // part),
            "jobs": partial(finalize, objects=100_000 // part),
            "datums": partial(skip, datums=10_000 // part, objects=100_000 // part),
            "imports": partial(import_again, folder=folder, count=10_000 // part),
        }
        for what, act in acts.items():
            if what in parts or not parts:
                where = store_url.parse(url) if url else folder / what
                settings = StoreSettings(blobs=str(folder / "blobs"), hosts=folder) if url else StoreSettings()
                async with open_store(where, settings=settings) as store:
                    await act(store)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="scale, history, jobs, datums, imports; none: all")
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    parser.add_argument("--store", default="", help="URL of an empty database, for one part")
    given = parser.parse_args()
    if given.store and len(given.parts) != 1:
        parser.error("--store takes one part")
    trio.run(partial(main, given.parts, given.store, small=given.small))
