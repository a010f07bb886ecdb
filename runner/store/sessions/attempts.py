"""One try of one datum: its layer of the output, and the view that its program gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NoReturn

import trio

from runner.model.job import Attempt, DatumState, JobState, ProcessExit
from runner.model.pipeline import OUTPUT_BUCKET
from runner.store.buckets.buckets import CommitBucket
from runner.store.buckets.gate import Gate
from runner.store.buckets.output import OutBucket
from runner.store.catalog import query
from runner.store.catalog.codes import LayerState
from runner.store.catalog.engine import Transaction
from runner.store.history import uploads
from runner.store.jobs import datums, finishing, jobs
from runner.store.layers import runs, staging
from runner.store.layers.staging import Stack
from runner.store.owners import Owner, fenced
from runner.store.refusals import AccessDenied, BucketAlreadyOwned, NoSuchBucket
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.view import Bucket

JobBucket = CommitBucket | OutBucket


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt as it was begun.

    Attributes:
        n: Which attempt of its job; the place of its layer in the job's stack.
        stack: Its own layer above those that earlier attempts left.
    """

    job: int
    datum: str
    number: int
    n: int
    stack: Stack
    started: datetime


class JobView:
    """What the program of an attempt sees: inputs as read-only buckets, and `out`."""

    def __init__(self, buckets: Mapping[str, Bucket], gate: Gate) -> None:
        self._buckets = buckets
        self._gate = gate

    async def list_buckets(self) -> Sequence[Bucket]:
        """As `runner.store.view.View.list_buckets`."""
        self._gate.check()
        return [self._buckets[name] for name in sorted(self._buckets)]

    def find_document(self, bucket: str, name: str) -> None:
        """As `runner.store.view.View.find_document`: a job's buckets have none."""
        del bucket, name

    async def get_bucket(self, name: str) -> Bucket:
        """As `runner.store.view.View.get_bucket`."""
        self._gate.check()
        if name not in self._buckets:
            raise NoSuchBucket("the job has no such bucket", hint=f"it has {', '.join(sorted(self._buckets))}")
        return self._buckets[name]

    async def create_bucket(self, name: str) -> NoReturn:
        """Raise `BucketAlreadyOwned` or `AccessDenied`."""
        self._gate.check()
        if name in self._buckets:
            raise BucketAlreadyOwned("the bucket is there")
        raise AccessDenied("a job cannot make buckets")

    async def delete_bucket(self, name: str) -> None:
        """Raise `NoSuchBucket` or `AccessDenied`."""
        await self.get_bucket(name)
        raise AccessDenied("a job cannot delete its buckets")


class AttemptSession:
    """An attempt under way. Made by `JobSession.open_attempt`.

    Attributes:
        view: For the gateway.
        buckets: The inputs that are buckets, and `out`, also where that is none to the program.
        dropped_uploads: How many uploads were never completed; known after `close`.
    """

    def __init__(
        self,
        store: Store,
        begun: Begun,
        buckets: Mapping[str, JobBucket],
        *,
        owner: Owner,
        visible: Collection[str],
        gate: Gate,
    ) -> None:
        self.buckets = buckets
        self.view = JobView({name: buckets[name] for name in visible}, gate)
        self.dropped_uploads = 0
        self._store = store
        self._owner = owner
        self._begun = begun
        self._gate = gate

    @property
    def datum(self) -> str:
        """The id of its datum."""
        return self._begun.datum

    @property
    def out(self) -> OutBucket:
        """The output."""
        bucket = self.buckets[OUTPUT_BUCKET]
        assert isinstance(bucket, OutBucket)  # noqa: S101  # whatever an input is called
        return bucket

    async def close(self, *, keep: bool, exit: ProcessExit | None, reason: str) -> Attempt:  # noqa: A002  # the word
        """End the view at once, then keep or drop what was written through it.

        Nothing is written after this begins but what a transaction was already asked to write.

        Args:
            keep: Whether the attempt succeeded.
            exit: How the command ended; None: it never started.
            reason: One sentence when it did not succeed; else empty.

        Raises:
            OwnerLost.

        Cancellation: the view has ended; the layer is closed with the job.
        """
        self._gate.close()
        await trio.lowlevel.checkpoint()
        end = partial(_end, begun=self._begun, keep=keep, exit_=exit, reason=reason)
        attempt, self.dropped_uploads = await self._store.writer.write(fenced(self._owner, end))
        return attempt


def begin_attempt(tx: Transaction, job: int, owner: str, datum: str, number: int) -> Begun:
    """Write the rows of an attempt of a job that *owner* holds; raises `JobLost`, `JobStopped`."""
    finishing.require_state(tx, job, JobState.STARTING, JobState.RUNNING)
    below = finishing.stack_of(tx.db, job)
    layer = staging.open_layer(tx, owner)
    n: int = query.value(tx.db, "SELECT count(*) FROM attempt WHERE job = ?", (job,))
    values = {
        "job": job,
        "datum": datum,
        "number": number,
        "n": n,
        "layer": layer,
        "started_us": tx.now_us,
        "reason": "",
        "objects": 0,
        "bytes": 0,
    }
    query.insert(tx.db, "attempt", values)
    query.insert(tx.db, "stack", {"job": job, "n": n, "layer": layer})
    return Begun(job, datum, number, n, Stack(layer, below), from_us(tx.now_us))


def _end(tx: Transaction, begun: Begun, *, keep: bool, exit_: ProcessExit | None, reason: str) -> tuple[Attempt, int]:
    """Close an attempt's layer; return the attempt and how many uploads were dropped."""
    layer = begun.stack.top
    staging.set_state(tx, layer, LayerState.SEALED if keep else LayerState.QUARANTINED)
    dropped = uploads.drop_all(tx, uploads.place_of_layer(layer))
    objects, size_bytes = staging.measure(tx, layer)
    if keep:
        datums.note_output(tx, begun.job, begun.datum, layer)
        datums.end(tx, begun.job, begun.datum, DatumState.SUCCESS, objects=objects, size_bytes=size_bytes)
        _merge_neighbours(tx, begun)
    else:
        tx.db.execute("DELETE FROM stack WHERE job = ? AND n = ?", (begun.job, begun.n))
        objects = size_bytes = 0
    usage = None if exit_ is None else exit_.usage
    values = {
        "finished_us": tx.now_us,
        "exit_status": None if exit_ is None else exit_.status,
        "exit_signal": None if exit_ is None else exit_.signal,
        "user_seconds": None if usage is None else usage.user_seconds,
        "system_seconds": None if usage is None else usage.system_seconds,
        "max_rss_bytes": None if usage is None else usage.max_rss_bytes,
        "reason": reason,
        "objects": objects,
        "bytes": size_bytes,
    }
    same = (begun.job, begun.datum, begun.number)
    query.update(tx.db, "attempt", values, "job = ? AND datum = ? AND number = ?", same)
    return jobs.attempt_of(tx.db, begun.job, begun.datum, begun.number), dropped


def _merge_neighbours(tx: Transaction, begun: Begun) -> None:
    """Keep the stack low: a job of many datums reads few layers."""
    stack = begun.stack.read_set
    lower = runs.merged(tx, stack, adopts=True)
    if len(lower) == len(stack):
        return
    runs.adopt(tx, lower[0])
    tx.db.execute("DELETE FROM stack WHERE job = ?", (begun.job,))
    for n, layer in zip(range(begun.n, begun.n - len(lower), -1), lower, strict=True):
        query.insert(tx.db, "stack", {"job": begun.job, "n": n, "layer": layer})
