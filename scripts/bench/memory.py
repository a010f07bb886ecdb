"""What each act on a store takes of memory, on little and on much: each in a process of its own.

    python scripts/bench/memory.py                   # 10,000 and 1,000,000 objects, some minutes
    python scripts/bench/memory.py --small           # a tenth, to see that it runs
    python scripts/bench/memory.py check collect     # some of the acts

Of a process stand its peak of resident memory, and the peak of what of that no file backs.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio
from blake3 import blake3
from measure import Watch

from runner.model.address import parse
from runner.store import Store, open_store
from runner.store.blobs import Payload
from runner.store.catalog.codes import EntryKind
from runner.store.check import check_store
from runner.store.collect import Graces, collect
from runner.store.contents import content
from runner.store.history import commits, removal, repos
from runner.store.layers import staging, tree
from runner.store.layers.entries import Row
from runner.store.stats import measure
from runner.store.writing.changes import open_change

FOLDERS = 1000
SLOT = 2500
PAGE = 1000
SAMPLE_SECONDS = 0.01
CHANGED = 10


def key_of(number: int, count: int) -> bytes:
    return f"data/folder-{number * FOLDERS // count:04}/object-{number:09}.bin".encode()


async def build(store: Store, count: int) -> None:
    """Make two commits of *count* objects of different content, written one after the other and whole, as jobs do."""
    for repo, changed in (("one", 0), ("other", CHANGED)):
        async with open_change(store, "default", repo, "master") as change:
            for start in range(0, count, SLOT):
                numbers = range(start, min(start + SLOT, count))
                bodies = [f"{number}-{number < changed}".encode() for number in numbers]
                payloads = [Payload(blake3(body).digest(), body) for body in bodies]
                keys = [key_of(number, count) for number in numbers]
                write = partial(_write, layer=change._stack.top, keys=keys, payloads=payloads)
                await store.writer.write_payloads(payloads, write)
            await change.commit()


def _write(tx, places, layer: int, keys, payloads) -> None:
    rows = []
    for key, payload, place in zip(keys, payloads, places, strict=True):
        blob = content.refer_to_blob(tx, payload.digest, len(payload.data), place)
        rows.append(Row(key, EntryKind.BLOB, blob.content.id, blob.digest, blob.size, blob.digest.hex()[:32], 0))
    staging.put_rows(tx, layer, rows)


async def layers(store: Store, repo: str) -> tree.ReadSet:
    commit = await commits.resolve(store, parse(f"{repo}@master"))
    db = store.catalog.db
    return commits.read_set(db, commits.require_id(db, repos.require(db, "default", repo), commit.id))


async def nothing(_store: Store) -> str:
    return ""


async def walk_pages(store: Store) -> str:
    read_set, after, count = await layers(store, "one"), b"", 0
    while after is not None:
        page = await tree.list_page(store.catalog.db, read_set, b"", b"", after, limit=PAGE)
        after, count = page.next_after, count + len(page.items)
    return f"{count:,} keys"


async def compare(store: Store) -> str:
    count = 0
    differences = tree.diff(store.catalog.db, await layers(store, "one"), await layers(store, "other"))
    async with aclosing(differences):
        async for _ in differences:
            count += 1
    return f"{count:,} differ"


async def check(store: Store) -> str:
    report = await check_store(store)
    assert report.is_sound, report.problems[:3]
    return f"{report.entries:,} entries, {report.blobs:,} blobs"


async def stats(store: Store) -> str:
    return f"{(await measure(store)).blobs:,} blobs"


async def collect_nothing(store: Store) -> str:
    return f"{(await collect(store, Graces(0, 0))).removed_blobs:,} blobs removed"


async def collect_all(store: Store) -> str:
    for repo in ("one", "other"):
        await removal.delete_repo(store, "default", repo)
    return await collect_nothing(store)


ACTS = {
    "open": nothing,
    "pages": walk_pages,
    "diff": compare,
    "stats": stats,
    "check": check,
    "collect-nothing": collect_nothing,
    "collect": collect_all,
}
"""In this order: the last leaves nothing."""


class Memory(NamedTuple):
    """In MiB."""

    resident: float
    anonymous: float


def watched(process: subprocess.Popen[str]) -> Memory:
    """Return the peaks of a process, which is looked at until it ends."""
    status = Path(f"/proc/{process.pid}/status")
    resident = anonymous = 0
    while process.poll() is None:
        found = dict(re.findall(r"(VmHWM|RssAnon):\s+(\d+) kB", status.read_text()))
        resident = max(resident, int(found.get("VmHWM", 0)))
        anonymous = max(anonymous, int(found.get("RssAnon", 0)))
        time.sleep(SAMPLE_SECONDS)
    return Memory(resident / 1024, anonymous / 1024)


def run_in_child(act: str, folder: Path, count: int) -> None:
    words = [sys.executable, __file__, act, "--in", str(folder), "--count", str(count)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        memory = watched(process)
        assert process.stdout is not None
        said = process.stdout.read().strip()
    assert process.returncode == 0
    print(
        f"  {act:<16} {count:>9,}  {memory.resident:6.1f} MiB, {memory.anonymous:6.1f} of its own;  {said}", flush=True
    )


async def act_in(folder: Path, act: str, count: int) -> None:
    watch = Watch()
    async with open_store(folder) as store:
        said = await (build(store, count) if act == "build" else ACTS[act](store))
    took = watch.read()
    print(f"{took.wall:.1f} s ({took.cpu:.1f}) {said or ''}")


def main(acts: Collection[str], *, small: bool) -> None:
    part = 10 if small else 1
    with tempfile.TemporaryDirectory() as name:
        for count in (10_000 // part, 1_000_000 // part):
            folder = Path(name) / f"{count}"
            for act in ("build", *ACTS):
                if act == "build" or act in acts or not acts:
                    run_in_child(act, folder, count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("acts", nargs="*", help=f"{', '.join(ACTS)}; none: all")
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        trio.run(act_in, given.folder, given.acts[0], given.count)
    else:
        main(given.acts, small=given.small)
