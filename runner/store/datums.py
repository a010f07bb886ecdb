"""The datums of jobs: what each was given, how it ended, which keys it wrote, and which need not be run again.

A datum is recognised by its hash in the next job. When it succeeded there, its output is carried over instead: the
rows are taken from the commit of that job.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.model.job import DatumFile, DatumState, JobDatum, JobState
from runner.store import content, staging, tree
from runner.store.catalog import tables as t
from runner.store.catalog.codes import DATUM_STATE, JOB_STATE, EntryKind
from runner.store.catalog.engine import Transaction, core
from runner.store.catalog.query import Connection, write
from runner.store.content import Content

ROWS_PER_WRITE = 1000
_DONE = tuple(DATUM_STATE.code(state) for state in (DatumState.SUCCESS, DatumState.SKIPPED))
_COUNTERS = {
    DatumState.SUCCESS: "data_processed",
    DatumState.FAILED: "data_failed",
    DatumState.SKIPPED: "data_skipped",
    DatumState.RECOVERED: "data_recovered",
}
_SAME = f"""
    SELECT coalesce(d.source, d.id), d.objects, d.bytes FROM datum d
    WHERE d.job = ? AND d.datum = ? AND d.hash = ? AND d.state IN {_DONE}
    AND d.objects = (SELECT count(*) FROM produced p WHERE p.datum = coalesce(d.source, d.id))
"""  # noqa: S608  # constants
_KEYS = "SELECT key FROM produced WHERE datum = ? AND key > ? ORDER BY key LIMIT ?"
_NOTE = f"""
    INSERT INTO produced (datum, key)
    SELECT d.id, e.key FROM datum d JOIN entry e ON e.layer = ? AND e.kind <> {EntryKind.TOMBSTONE:d}
    WHERE d.job = ? AND d.datum = ? AND d.hash IS NOT NULL
"""  # noqa: S608  # constants
_WRITER = """
    SELECT d.datum FROM datum d JOIN produced p ON p.datum = coalesce(d.source, d.id) AND p.key = ? WHERE d.job = ?
"""


class Planned(NamedTuple):
    """A datum that a job is about to run.

    Attributes:
        hash: What it is recognised by; None: it is run whatever was run before.
    """

    id: str
    hash: bytes | None
    files: Sequence[DatumFile]


class Former(NamedTuple):
    """What a datum wrote in an earlier job: the number of the datum that did, and how much that is."""

    source: int
    objects: int
    size_bytes: int


class Base(NamedTuple):
    """The job that the next one is compared with: its number, and the layers of its commit."""

    job: int
    layers: tree.ReadSet


def find_base(db: Connection, job: int) -> Base | None:
    """Return the last good job of the same pipeline in the history of the branch that *job* writes to."""
    row = core(db, sa.select(t.job).where(t.job.c.id == job)).one()
    branch = (t.branch.c.repo == row.output_repo, t.branch.c.name == row.output_branch)
    number = core(db, sa.select(t.branch.c.head).where(*branch)).scalar()
    while number is not None:
        commit = core(db, sa.select(t.commit).where(t.commit.c.id == number)).one()
        made = (
            t.job.c.pipeline == row.pipeline,
            t.job.c.uuid == commit.uuid,
            t.job.c.commit_id == number,
            t.job.c.state == JOB_STATE.code(JobState.SUCCESS),
        )
        found = core(db, sa.select(t.job.c.id).where(*made)).scalar()
        if found is not None:
            return Base(found, tuple(json.loads(commit.read_set)))
        number = commit.parent
    return None


def find_former(db: Connection, base: Base, planned: Planned) -> Former | None:
    """Return what a datum wrote in the base job, if it was the same and succeeded there."""
    if planned.hash is None:
        return None
    row = db.execute(_SAME, (base.job, planned.id, planned.hash)).fetchone()
    return None if row is None else Former(*row)


def put(tx: Transaction, job: int, datums: Sequence[tuple[Planned, Former | None]]) -> None:
    """Write datums of a job in their order, and count them; those that have a former output are skipped."""
    for planned, former in datums:
        state = DatumState.STARTING if former is None else DatumState.SKIPPED
        values = {
            "job": job,
            "datum": planned.id,
            "hash": planned.hash,
            "state": DATUM_STATE.code(state),
            "source": None if former is None else former.source,
            "files": json.dumps([(each.input, each.path, each.objects, each.size_bytes) for each in planned.files]),
            "objects": 0 if former is None else former.objects,
            "bytes": 0 if former is None else former.size_bytes,
        }
        core(tx.db, sa.insert(t.datum).values(values))
    skipped = sum(former is not None for _, former in datums)
    core(
        tx.db,
        sa.update(t.job)
        .where(t.job.c.id == job)
        .values(data_total=t.job.c.data_total + len(datums), data_skipped=t.job.c.data_skipped + skipped),
    )


def carry(tx: Transaction, layer: int, base: Base, keys: Sequence[bytes]) -> None:
    """Write the rows of *keys* into a layer as the base job's commit has them."""
    for key in keys:
        row = tree.find(tx.db, base.layers, key)
        if row is None:
            continue
        content.share(tx, Content(EntryKind(row.kind), row.content or 0))
        staging.put_row(tx, layer, row)


def keys_of(db: Connection, source: int) -> Iterator[Sequence[bytes]]:
    """Yield the keys that a datum wrote, some at a time."""
    after = b""
    while keys := [key for (key,) in db.execute(_KEYS, (source, after, ROWS_PER_WRITE)).fetchall()]:
        yield keys
        after = keys[-1]


def end(tx: Transaction, job: int, datum: str, state: DatumState, *, objects: int = 0, size_bytes: int = 0) -> None:
    """Write how a datum ended, and count it."""
    same = (t.datum.c.job == job, t.datum.c.datum == datum)
    values = {"state": DATUM_STATE.code(state), "objects": objects, "bytes": size_bytes}
    if core(tx.db, sa.update(t.datum).where(*same).values(values)).rowcount:
        counter = t.job.c[_COUNTERS[state]]
        core(tx.db, sa.update(t.job).where(t.job.c.id == job).values({counter: counter + 1}))


def close(tx: Transaction, job: int) -> None:
    """Let the datums that have not ended end with their job: one under way failed, the others were never tried."""
    open_ = (t.datum.c.job == job, t.datum.c.state == DATUM_STATE.code(DatumState.STARTING))
    tried = sa.select(t.attempt.c.datum).where(t.attempt.c.job == job)
    for state, same in ((DatumState.FAILED, t.datum.c.datum.in_(tried)), (DatumState.UNKNOWN, sa.true())):
        core(tx.db, sa.update(t.datum).where(*open_, same).values(state=DATUM_STATE.code(state)))


def note_output(tx: Transaction, job: int, datum: str, layer: int) -> None:
    """Note which keys a datum wrote into its layer."""
    write(tx.db, "produced", _NOTE, (layer, job, datum))


def find_writer(db: Connection, job: int, key: bytes) -> str | None:
    """Return the id of the datum of a job that wrote *key*."""
    row = db.execute(_WRITER, (key, job)).fetchone()
    return None if row is None else str(row[0])


def forget(tx: Transaction, job: int) -> None:
    """Remove the datums of a job, which begins anew or goes.

    Datums of other jobs that were skipped because of them are processed the next time.
    """
    numbers = sa.select(t.datum.c.id).where(t.datum.c.job == job)
    core(tx.db, sa.delete(t.produced).where(t.produced.c.datum.in_(numbers)))
    core(tx.db, sa.delete(t.datum).where(t.datum.c.job == job))
    counters = dict.fromkeys(("data_total", *_COUNTERS.values()), 0)
    core(tx.db, sa.update(t.job).where(t.job.c.id == job).values(counters))


def list_datums(
    db: Connection, job: int, *, after: str | None = None, limit: int | None = None, prefix: str = ""
) -> Sequence[JobDatum]:
    """Return datums of a job in their order.

    Args:
        db: The catalog.
        job: Its number.
        after: Only those behind this one.
        limit: At most so many.
        prefix: Only those whose id begins so.
    """
    statement = sa.select(t.datum).where(t.datum.c.job == job).order_by(t.datum.c.id).limit(limit)
    if prefix:
        statement = statement.where(t.datum.c.datum >= prefix, t.datum.c.datum < prefix + "g")
    if after is not None:
        last = sa.select(t.datum.c.id).where(t.datum.c.job == job, t.datum.c.datum == after).scalar_subquery()
        statement = statement.where(t.datum.c.id > last)
    return [_datum(row) for row in core(db, statement)]


def state_of(db: Connection, job: int, datum: str) -> DatumState | None:
    """Return the state of a datum of a job."""
    code = core(db, sa.select(t.datum.c.state).where(t.datum.c.job == job, t.datum.c.datum == datum)).scalar()
    return None if code is None else DATUM_STATE.word(code)


def _datum(row: sa.Row[Any]) -> JobDatum:
    files = tuple(DatumFile(*each) for each in json.loads(row.files))
    return JobDatum(row.datum, DATUM_STATE.word(row.state), files, row.objects, row.bytes)
