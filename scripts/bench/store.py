"""How the store grows: the same operation on little and on much, side by side in one run.

    python scripts/bench/store.py            # the full sizes, some minutes
    python scripts/bench/store.py --small    # a tenth, to see that it runs

Every figure is a median of interleaved rounds; what counts is the ratio, since machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from blake3 import blake3

from runner.model.address import parse
from runner.model.entry import Attributes
from runner.model.job import JobInput
from runner.model.pipeline import PfsInput, Pipeline, Transform
from runner.store import Store, begin, branches, commits, files, open_store, pipelines, repos, staging, tree
from runner.store.catalog.codes import EntryKind
from runner.store.changes import open_change
from runner.store.entries import Row

ROUNDS = 9
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
        for row in slot:
            staging.put_row(tx, layer, row)

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


async def measured(things: dict[str, Callable[[], Awaitable[object]]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median seconds of each, one after the other in every round."""
    times: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(rounds):
        for name, act in things.items():
            began = time.perf_counter()
            await act()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in times.items()}


def show(what: str, small: float, large: float) -> None:
    print(f"  {what:<44} {small * 1e3:9.2f} ms {large * 1e3:9.2f} ms   x{large / small:.2f}")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def scale(store: Store, small: int, large: int) -> None:
    """A commit of much costs a reader, and whoever goes on from it, what one of little costs."""
    make = await row_maker(store)
    for name, count in (("little", small), ("much", large)):
        await commit_of(store, name, count, PAGE, make)
    db = store.catalog.db
    print(f"a commit of {small:,} objects and one of {large:,}, peak memory {peak_mib():.0f} MiB")
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
    print(f"  peak memory {peak_mib():.0f} MiB")


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
        began = time.perf_counter()
        await put_some(store, "history", ((number * 10 + n) * 31 % objects for n in range(10)), PAGE, f"{number}")
        times.append(time.perf_counter() - began)
        if number in (9, count - 1):
            sizes.append(db.execute("SELECT count(*) FROM entry").fetchone()[0])
    print(f"{count:,} commits of 10 changes onto {objects:,} objects")
    show("the 10th and the last commit (medians of 19)", statistics.median(times[1:20]), statistics.median(times[-19:]))
    first, last = await layers(store, f"history@master^{count - 10}"), await layers(store, "history@master")
    reads = await measured(
        {
            "first": lambda: tree.list_page(db, first, b"", b"", b"", limit=PAGE),
            "last": lambda: tree.list_page(db, last, b"", b"", b"", limit=PAGE),
        }
    )
    show(f"a page ({len(first)} and {len(last)} layers)", reads["first"], reads["last"])
    reads = await measured({"first": lambda: points(db, first, objects), "last": lambda: points(db, last, objects)})
    show("1,000 point reads", reads["first"], reads["last"])
    print(f"  rows of the catalog for each row written: {(sizes[1] - sizes[0]) / ((count - 10) * 10):.1f}")


@asynccontextmanager
async def open_job_of(store: Store):
    await put_some(store, "d0", range(1), PAGE, "input")
    commit = await commits.resolve(store, parse("d0@master"))
    version = await pipelines.register(store, PIPELINE)
    given = JobInput("d0", "default", "d0", "master", commit.id)
    async with await begin.open_job(store, PIPELINE, version=version, inputs=[given]) as session:
        await session.start()
        yield session


async def finalize(store: Store, objects: int) -> None:
    """A job's output is sealed, digested and committed; then the same again with 10 objects changed."""
    make = await row_maker(store)
    print(f"a job with {objects:,} objects in out")
    blobs_before = rows_before = 0
    for number in range(2):
        async with open_job_of(store) as session:
            attempt = await session.open_attempt("d" * 64, 1)
            layer = store.catalog.db.execute("SELECT max(id) FROM layer WHERE state = 0").fetchone()[0]
            await fill(store, layer, (make(key_of(n, PAGE), n) for n in range(objects)))
            for n in range(10):
                await attempt.buckets["out"].put(key_of(n, PAGE), Bytes(f"{number}-{n}".encode()), NOTHING)
            await attempt.close(keep=True, exit=None, reason="")
            began = time.perf_counter()
            await session.seal({"job": "x"})
            sealed = time.perf_counter()
            summary = await session.summary()
            told = time.perf_counter()
            await session.commit({"schema": "x", "output": {}})
            done = time.perf_counter()
        blobs = store.catalog.db.execute("SELECT count(*) FROM blob").fetchone()[0]
        rows = store.catalog.db.execute("SELECT count(*) FROM entry").fetchone()[0]
        print(
            f"  seal and digest {sealed - began:.2f} s, compare {told - sealed:.2f} s, commit {done - told:.4f} s;"
            f" whole {done - began:.2f} s; changed {summary.changed:,}; new blobs {blobs - blobs_before:,},"
            f" new rows {rows - rows_before:,}"
        )
        blobs_before, rows_before = blobs, rows


class Bytes:
    """A body of a write."""

    checksum = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self):
        yield self._data


async def import_twice(store: Store, folder: Path) -> None:
    """An unchanged folder is read and nothing of it is stored."""
    source = folder / "source"
    source.mkdir()
    for number in range(2000):
        (source / f"{number}").write_bytes(blake3(f"{number}".encode()).digest(4096))
    for _ in range(2):
        began = time.perf_counter()
        _, is_new = await files.import_folder(store, source, "default", "imported", "master")
        print(
            f"  import of 2,000 files: {time.perf_counter() - began:.2f} s, "
            f"{'a new commit' if is_new else 'nothing new'}"
        )


async def main(*, small: bool) -> None:
    part = 10 if small else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_store(folder / "store") as store:
            await scale(store, 10_000 // part, 1_000_000 // part)
        async with open_store(folder / "history") as store:
            await history(store, 100_000 // part, 1000 // part)
        async with open_store(folder / "jobs") as store:
            await finalize(store, 100_000 // part)
            await import_twice(store, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    trio.run(partial(main, small=parser.parse_args().small))
