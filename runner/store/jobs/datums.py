"""The datums of jobs: what each was given, how it ended, which keys it wrote, and which need not be run again.

A datum is recognised by its hash in the next job. When it succeeded there, its output is carried over instead: the
rows are taken from the commit of that job.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from runner.model.job import DatumFile, DatumState, JobDatum, JobState
from runner.store.catalog import query
from runner.store.catalog.codes import DATUM_STATE, JOB_STATE, EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.contents import content
from runner.store.contents.content import Content
from runner.store.layers import staging, tree

ROWS_PER_WRITE = 1000
_DONE = tuple(DATUM_STATE.code(state) for state in (DatumState.SUCCESS, DatumState.SKIPPED))
_COUNTERS = {
    DatumState.SUCCESS: "data_processed",
    DatumState.FAILED: "data_failed",
    DatumState.SKIPPED: "data_skipped",
    DatumState.RECOVERED: "data_recovered",
}
_OUTPUT = """
    SELECT j.pipeline, b.head FROM job j
    LEFT JOIN branch b ON b.repo = j.output_repo AND b.name = j.output_branch WHERE j.id = ?
"""
_MAKER = f"""
    SELECT j.id AS job, c.read_set, c.parent FROM commits c
    LEFT JOIN job j ON j.pipeline = ? AND j.uuid = c.uuid AND j.commit_id = c.id
    AND j.state = {JOB_STATE.code(JobState.SUCCESS)} WHERE c.id = ?
"""  # noqa: S608  # constants
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
_COUNT = "UPDATE job SET data_total = data_total + ?, data_skipped = data_skipped + ? WHERE id = ?"
_CLOSE = f"""
    UPDATE datum SET state = CASE
        WHEN datum IN (SELECT a.datum FROM attempt a WHERE a.job = :job) THEN {DATUM_STATE.code(DatumState.FAILED)}
        ELSE {DATUM_STATE.code(DatumState.UNKNOWN)}
    END
    WHERE job = :job AND state = {DATUM_STATE.code(DatumState.STARTING)}
"""  # noqa: S608  # constants


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
    pipeline, commit = query.one(db, _OUTPUT, (job,))
    while commit is not None:
        maker, read_set, commit = query.one(db, _MAKER, (pipeline, commit))
        if maker is not None:
            return Base(maker, tuple(json.loads(read_set)))
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
        query.insert(tx.db, "datum", values)
    skipped = sum(former is not None for _, former in datums)
    query.write(tx.db, "job", _COUNT, (len(datums), skipped, job))


def carry(tx: Transaction, layer: int, base: Base, keys: Sequence[bytes]) -> None:
    """Write the rows of *keys*, which are in order, into a layer as the base job's commit has them."""
    rows = list(tree.find_all(tx.db, base.layers, keys))
    for shared in dict.fromkeys(Content(EntryKind(row.kind), row.content or 0) for row in rows):
        content.share(tx, shared)
    staging.put_rows(tx, layer, rows)


def keys_of(db: Connection, source: int) -> Iterator[Sequence[bytes]]:
    """Yield the keys that a datum wrote, some at a time."""
    after = b""
    while keys := query.values(db, _KEYS, (source, after, ROWS_PER_WRITE)):
        yield keys
        after = keys[-1]


def end(tx: Transaction, job: int, datum: str, state: DatumState, *, objects: int = 0, size_bytes: int = 0) -> None:
    """Write how a datum ended, and count it."""
    values = {"state": DATUM_STATE.code(state), "objects": objects, "bytes": size_bytes}
    if query.update(tx.db, "datum", values, "job = ? AND datum = ?", (job, datum)):
        counter = _COUNTERS[state]
        query.write(tx.db, "job", f"UPDATE job SET {counter} = {counter} + 1 WHERE id = ?", (job,))  # noqa: S608  # constants


def close(tx: Transaction, job: int) -> None:
    """Let the datums that have not ended end with their job: one under way failed, the others were never tried."""
    query.write(tx.db, "datum", _CLOSE, {"job": job})


def note_output(tx: Transaction, job: int, datum: str, layer: int) -> None:
    """Note which keys a datum wrote into its layer."""
    query.write(tx.db, "produced", _NOTE, (layer, job, datum))


def find_writer(db: Connection, job: int, key: bytes) -> str | None:
    """Return the id of the datum of a job that wrote *key*."""
    found: str | None = query.value(db, _WRITER, (key, job))
    return found


def forget(tx: Transaction, job: int) -> None:
    """Remove the datums of a job, which begins anew or goes.

    Datums of other jobs that were skipped because of them are processed the next time.
    """
    tx.db.execute("DELETE FROM produced WHERE datum IN (SELECT d.id FROM datum d WHERE d.job = ?)", (job,))
    tx.db.execute("DELETE FROM datum WHERE job = ?", (job,))
    query.update(tx.db, "job", dict.fromkeys(("data_total", *_COUNTERS.values()), 0), "id = ?", (job,))


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
    conditions = ["job = ?"]
    parameters: list[Any] = [job]
    if prefix:
        conditions.append("datum >= ? AND datum < ?")
        parameters += (prefix, prefix + "g")
    if after is not None:
        conditions.append("id > (SELECT last.id FROM datum last WHERE last.job = ? AND last.datum = ?)")
        parameters += (job, after)
    statement = f"SELECT datum, state, files, objects, bytes FROM datum WHERE {' AND '.join(conditions)} ORDER BY id"  # noqa: S608  # constants
    if limit is not None:
        statement += " LIMIT ?"
        parameters.append(limit)
    return [_datum(row) for row in query.rows(db, statement, parameters)]


def state_of(db: Connection, job: int, datum: str) -> DatumState | None:
    """Return the state of a datum of a job."""
    code = query.value(db, "SELECT state FROM datum WHERE job = ? AND datum = ?", (job, datum))
    return None if code is None else DATUM_STATE.word(code)


def _datum(row: query.Row) -> JobDatum:
    files = tuple(DatumFile(*each) for each in json.loads(row.files))
    return JobDatum(row.datum, DATUM_STATE.word(row.state), files, row.objects, row.bytes)
