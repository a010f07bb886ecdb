"""How long after an input's commit an idle worker starts the job of it, by the times that the store keeps.

    python scripts/bench/latency.py [ROUNDS] [--store URL --blobs PLACE]

The store is a new folder, or what was said: an empty database in PostgreSQL, and a place for its blobs. Each round
makes one commit and waits for its job to end. Beside the latency stands what one durable transaction takes in the same
rounds, since a start is two of them and what lies between.

Promised: the median is below 100 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import trio

from runner.model import store_url
from runner.model.store_url import StoreUrl
from runner.store import Store, StoreSettings, files, open_store
from runner.store.catalog import query
from runner.store.jobs import jobs

ROUNDS = 50
PAUSE_SECONDS = 0.5
MOST_SECONDS = 0.1
SPEC = {
    "pipeline": {"name": "nothing"},
    "input": {"pfs": {"repo": "data", "glob": "/", "s3": True}},
    "s3_out": True,
    "transform": {"cmd": ["true"]},
}


class Round(NamedTuple):
    """Seconds from the commit to the start of its job, and of a transaction."""

    latency: float
    transaction: float


async def measure(store: Store, source: Path, number: int) -> Round:
    """Make a commit and wait for its job."""
    (source / "number").write_text(str(number))
    async with store.hints.listen() as news:
        commit, _ = await files.import_folder(store, source, "default", "data", "master")
        while True:
            found = await jobs.list_jobs(store, "default", id=commit.id)
            if found and found[0].state.is_terminal:
                break
            with trio.move_on_after(1):
                await news.wait()
    began = time.perf_counter()
    await store.writer.write(
        lambda tx: len(query.write(tx.db, "meta", "UPDATE meta SET value = value WHERE name = 'uuid'"))
    )
    return Round((found[0].started - commit.finished).total_seconds(), time.perf_counter() - began)


async def measure_all(where: Path | StoreUrl, settings: StoreSettings, source: Path, rounds: int) -> list[Round]:
    """Return so many rounds, with pauses in which the worker becomes idle."""
    found = []
    async with open_store(where, settings=settings) as store:
        for number in range(rounds):
            await trio.sleep(PAUSE_SECONDS)
            found.append(await measure(store, source, number))
    return found


def main(rounds: int, url: str, blobs: str) -> int:
    """Print the figures; 1 when the promise is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        source, spec, hosts = Path(folder, "source"), Path(folder, "spec.json"), Path(folder, "hosts")
        where = store_url.parse(url) if url else Path(folder, "store")
        source.mkdir()
        spec.write_text(json.dumps(SPEC))
        command = [sys.executable, "-m", "runner", "worker", str(spec)]
        told = {"STORE": url or str(where), "BLOBS": blobs, "STORAGE_HOSTS": str(hosts), "ADMIN_LISTEN": ""}
        environment = {**os.environ, **{f"RUNNER_{name}": value for name, value in told.items()}}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as worker:
            worker.stdout.readline()
            found = trio.run(measure_all, where, StoreSettings(blobs=blobs, hosts=hosts), source, rounds)
            worker.terminate()
    latencies = sorted(each.latency for each in found)
    median = statistics.median(latencies)
    transaction = statistics.median(each.transaction for each in found)
    print(
        f"commit to start of its job   median {median * 1e3:.1f} ms   p95 {latencies[rounds * 95 // 100] * 1e3:.1f} ms"
    )
    print(f"one transaction              median {transaction * 1e3:.1f} ms   ratio {median / transaction:.1f}")
    return int(median >= MOST_SECONDS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    parser.add_argument("--store", default="", help="URL of an empty database")
    parser.add_argument("--blobs", default="", help="where its blobs are kept")
    words = parser.parse_args()
    sys.exit(main(words.rounds, words.store, words.blobs))
