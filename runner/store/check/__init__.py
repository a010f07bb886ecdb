"""Checking a store: from branches down to bytes. Reads only, repairs nothing, raises on no damage.

What is compared: the database's own structure; every blob with its place, and all its bytes with its digest;
manifests, entries and measured layers with what they refer to; rows with those that they belong to; runs with what
they were merged from; every commit with its digest and with the commits it stands on; branches, provenance records and
jobs with their commits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import trio

from runner.store.catalog.codes import LayerState
from runner.store.catalog.query import Connection
from runner.store.check.content import check_entries, check_layers, check_manifests, check_versions
from runner.store.check.history import History
from runner.store.check.references import check_references
from runner.store.check.report import Problem, Report
from runner.store.check.rows import check_rows
from runner.store.check.stored import StoredBytes
from runner.store.check.tallies import check_tallies
from runner.store.store import Store

__all__ = ["Problem", "Report", "breather", "check_store"]

BREATH_SECONDS = 0.1


async def check_store(store: Store, *, read_data: bool = True) -> Report:
    """Check all of *store*, as it is at one moment; others may go on using it.

    Args:
        store: What to check.
        read_data: Read every byte and compare its digest; else only that the bytes are there.

    Returns:
        What was found; damage is never raised.

    Raises:
        StorageFailed: The folder cannot be listed.

    Cancellation: ends within a tenth of a second or one large read.
    """
    return await trio.to_thread.run_sync(partial(_check, store, read_data=read_data))


def _check(store: Store, *, read_data: bool) -> Report:
    report = Report(store.engine.errors)
    stored = StoredBytes(store.blobs)
    breathe = breather()
    with (
        closing(store.engine.open_reader()) as catalog,
        catalog.snapshot() as db,
    ):  # one moment for all that is compared
        with report.section("catalog"):
            for damage in store.engine.find_damage(catalog):
                report.tell(damage)
        with report.section("blobs"):
            stored.check(db, report, read_data=read_data, breathe=breathe)
            stored.note_unreferenced(db, report)
        with report.section("manifests"):
            check_manifests(db, report)
        with report.section("entries"):
            check_entries(db, report, breathe=breathe)
        with report.section("versions"):
            check_versions(db, report, breathe=breathe)
        with report.section("layers"):
            check_layers(db, report)
        with report.section("references"):
            check_references(db, report)
        with report.section("tallies"):
            check_tallies(db, report)
        with report.section("rows"):
            check_rows(db, report, breathe=breathe)
        History(db, report, breathe).check()
        with report.section("open work"):
            _note_open_work(db, report)
    return report


def _note_open_work(db: Connection, report: Report) -> None:
    """Note layers that are open; those of the dead are dropped when the store is opened next."""
    (count,) = db.execute("SELECT count(*) FROM layer WHERE state = ?", (LayerState.OPEN,)).fetchone()
    if count:
        report.notes.append(f"{count:,} layers are open: jobs, bursts or imports are under way")


def breather() -> Callable[[], None]:
    """Return what a worker thread calls often: it looks for a cancellation every now and then."""
    next_look = time.monotonic() + BREATH_SECONDS

    def breathe() -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            trio.from_thread.check_cancelled()
            next_look = time.monotonic() + BREATH_SECONDS

    return breathe
