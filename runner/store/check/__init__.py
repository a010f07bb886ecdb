"""Checking a store: from branches down to bytes. Reads only, repairs nothing, raises on no damage.

What is compared: the database's own structure; every blob with its place, and all its bytes with its digest;
manifests, entries and measured layers with what they refer to; rows with those that they belong to; runs with what
they were merged from; every commit with its digest and with the commits it stands on; branches, provenance records and
jobs with their commits.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial

import trio

from runner.store.catalog.codes import LayerState
from runner.store.catalog.query import Snapshot
from runner.store.check.content import check_entries, check_layers, check_manifests, check_versions
from runner.store.check.history import History
from runner.store.check.pace import Pace, Tell, tell_nobody
from runner.store.check.references import check_references
from runner.store.check.report import Problem, Report
from runner.store.check.rows import check_rows, count_rows
from runner.store.check.stored import StoredBytes, check_epochs
from runner.store.check.tallies import check_tallies
from runner.store.store import Store

__all__ = ["Pace", "Problem", "Report", "check_store"]


async def check_store(store: Store, *, read_data: bool = True, tell: Tell = tell_nobody) -> Report:
    """Check all of *store*, as it is at one moment; others may go on using it.

    Args:
        store: What to check.
        read_data: Read every byte and compare its digest; else only that the bytes are there.
        tell: Told of progress some ten times a second, on the thread of the check.

    Returns:
        What was found; damage is never raised.

    Raises:
        StorageFailed: The folder cannot be listed.
        CatalogRefused: The catalog is out of reach, or its disk does not read it.

    Cancellation: ends within a tenth of a second or one large read.
    """
    return await trio.to_thread.run_sync(partial(_check, store, read_data=read_data, pace=Pace(tell)))


def _check(store: Store, *, read_data: bool, pace: Pace) -> Report:
    report = Report(store.engine.errors)
    stored = StoredBytes(store.blobs)
    with (
        closing(store.engine.open_reader()) as catalog,
        catalog.snapshot() as db,
    ):  # one moment for all that is compared
        with report.section("catalog"):
            for damage in store.engine.find_damage(catalog):
                report.tell(damage, ["the whole store"])
        with report.section("rows"):
            pace.begin("row", count_rows(db))
            check_rows(db, report, breathe=pace)
        with report.section("blobs"):
            stored.check(db, report, read_data=read_data, pace=pace)
            stored.note_unreferenced(db, report)
            check_epochs(db, report)
        _check_content(db, report, pace)
        with report.section("open work"):
            _note_open_work(db, report)
    return report


def _check_content(db: Snapshot, report: Report, pace: Pace) -> None:
    """Check what rows say of each other."""
    (entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
    with report.section("manifests"):
        check_manifests(db, report)
    with report.section("entries"):
        pace.begin("entry", entries)
        check_entries(db, report, breathe=pace)
    with report.section("versions"):
        check_versions(db, report, breathe=pace)
    with report.section("layers"):
        check_layers(db, report)
    with report.section("references"):
        check_references(db, report)
    with report.section("tallies"):
        check_tallies(db, report)
    pace.begin("commit entry", entries)
    History(db, report, pace).check()


def _note_open_work(db: Snapshot, report: Report) -> None:
    """Note layers that are open; those of the dead are dropped when the store is opened next."""
    (count,) = db.execute("SELECT count(*) FROM layer WHERE state = ?", (LayerState.OPEN,)).fetchone()
    if count:
        report.notes.append(f"{count:,} layers are open: jobs, bursts or imports are under way")
