"""A job's session: who runs a job holds it, and with it the job's inputs, output and read log.

The gateway gets only the narrower `view` of one attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Self, TypeVar

import trio

from runner.model.commit import Commit
from runner.model.errors import Unavailable
from runner.model.ids import CommitId
from runner.model.job import Job, JobInput, JobKey, JobState
from runner.model.pipeline import OUTPUT_BUCKET, Pipeline
from runner.model.provenance import Record
from runner.store import settle
from runner.store.buckets.buckets import CommitBucket, commit_bucket
from runner.store.buckets.gate import Door, Gate
from runner.store.buckets.output import OutBucket
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction
from runner.store.history import commits, refs
from runner.store.jobs import finishing, jobs, queue, stops
from runner.store.jobs.ends import STOPPED_STATUS, End
from runner.store.jobs.reads import ReadLog, Traffic
from runner.store.jobs.stops import Wish
from runner.store.layers.contentsum import ContentSum
from runner.store.owners import Owner, OwnerLost, fenced
from runner.store.sessions.attempts import AttemptSession, begin_attempt
from runner.store.sessions.jobdatums import JobDatums
from runner.store.store import Store
from runner.store.view import Bucket

CLOSE_SECONDS = 10

T = TypeVar("T")

_NO_DRAFT: Record = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DatumCounts:
    """How many datums a job has, and what became of them."""

    data_total: int = 0
    data_processed: int = 0
    data_skipped: int = 0
    data_failed: int = 0
    data_recovered: int = 0


@dataclass(frozen=True, slots=True)
class OutputSummary:
    """What a sealed job will commit, compared with the branch's head of that moment.

    Attributes:
        parent: That head, if any.
    """

    digest: bytes
    objects: int
    size_bytes: int
    added: int
    changed: int
    removed: int
    parent: CommitId | None


class JobSession:
    """One job of this process, from its row to its end. Made by `runner.store.sessions.begin`.

    What it writes is refused with `OwnerLost` once another process has taken the job over.

    Attributes:
        owner: What this process is of the job.
        key: The job's address.
        inputs: Pinned to their commits.
        reads: What was read of them.
        datums: What it runs its command for.
        is_queued: A trigger made the job: until it is sealed it can be given back, for another worker to take.
    """

    def __init__(
        self,
        store: Store,
        number: int,
        pipeline: Pipeline,
        pinned: Mapping[JobInput, int],
        *,
        owner: Owner,
        readable: bool = True,
        is_queued: bool = False,
    ) -> None:
        self.is_queued = is_queued
        self.owner = owner
        self.reads = ReadLog(store, number, owner)
        self._store = store
        self._number = number
        self._pipeline = pipeline
        self._pinned = pinned
        self._readable = readable
        self._content = ContentSum()
        self._compared: finishing.Compared | None = None
        db = store.catalog.db
        job = self.job
        self.key: JobKey = job.key
        self.inputs: Sequence[JobInput] = job.inputs
        self._traffic: dict[str, Traffic] = {}
        for given, commit in pinned.items():
            traffic = self._traffic.setdefault(given.name, Traffic(total_objects=0))
            traffic.total_objects = (traffic.total_objects or 0) + commits.inspect_number(db, commit).objects
        self._traffic[OUTPUT_BUCKET] = Traffic()
        self.datums = JobDatums(store, number, pinned, owner=owner, reads=self.reads, traffic=self._traffic)

    @property
    def job(self) -> Job:
        """The job as the store has it now."""
        return jobs.inspect_number(self._store.catalog.db, self._number)

    def find_wish(self) -> Wish | None:
        """Return the wish that the job ends, if somebody has it."""
        return stops.find(self._store.catalog.db, self._number)

    def traffic(self) -> Mapping[str, Traffic]:
        """Return what went through each bucket so far, live."""
        return self._traffic

    def input_digest(self, given: JobInput) -> bytes:
        """Return the digest of the commit that an input is pinned to."""
        return self.datums.weigh(given).digest

    async def start(self) -> None:
        """Go from STARTING to RUNNING; raises `JobLost`, `JobStopped`."""

        def run(tx: Transaction) -> None:
            finishing.require_state(tx, self._number, JobState.STARTING)
            values = {"state": JOB_STATE.code(JobState.RUNNING), "started_us": tx.now_us}
            query.update(tx.db, "job", values, "id = ?", (self._number,))

        await self._write(run)

    async def open_attempt(self, datum: str, number: int) -> AttemptSession:
        """Begin a try of a datum; one at a time. Raises `JobLost`, `JobStopped`.

        Args:
            datum: Its id, 64 hex digits.
            number: The try, 1-based.
        """
        begun = await self._write(lambda tx: begin_attempt(tx, self._number, self.owner.name, datum, number))
        gate = Gate()
        buckets: dict[str, CommitBucket | OutBucket] = {
            each.name: commit_bucket(
                self._store, each.name, commit, door=Door(gate, self._traffic[each.name]), log=self.reads
            )
            for each, commit in self._pinned.items()
            if each.s3
        }
        buckets[OUTPUT_BUCKET] = OutBucket(
            self._store,
            begun.stack,
            begun.started,
            door=Door(gate, self._traffic[OUTPUT_BUCKET]),
            readable=self._readable,
        )
        visible = set(buckets) if self._pipeline.s3_out else set(buckets) - {OUTPUT_BUCKET}
        return AttemptSession(self._store, begun, buckets, owner=self.owner, visible=visible, gate=gate)

    async def begin_egress(self) -> Bucket:
        """Go from RUNNING to EGRESSING: no attempt can begin any more. Return the output, to be read.

        Raises:
            JobLost, JobStopped.
        """

        def begin(tx: Transaction) -> None:
            finishing.require_state(tx, self._number, JobState.RUNNING)
            values = {"state": JOB_STATE.code(JobState.EGRESSING)}
            query.update(tx.db, "job", values, "id = ?", (self._number,))

        await self._write(begin)
        layers = finishing.stack_of(self._store.catalog.db, self._number)
        created = self.job.created or datetime.now(UTC)
        return CommitBucket(self._store, OUTPUT_BUCKET, created, layers=layers, door=Door(Gate(), Traffic()))

    async def seal(self, draft: Record = _NO_DRAFT, counts: DatumCounts | None = None) -> None:
        """Let nothing more into the output, then digest it, and compare it with the head of its branch.

        The state is FINISHING from then on.

        Args:
            draft: The record as far as it is known, all but the output. If this process dies before `commit`, the job
                is committed with it, and with the output added, by whoever meets it next.
            counts: Of the datums.

        Raises:
            JobLost, JobStopped.
        """
        await self.reads.spill()
        values = self._counters(counts)
        await self._write(lambda tx: finishing.seal(tx, self._number, draft, values))
        await self._compare()

    async def _compare(self) -> finishing.Compared:
        """Digest the sealed output and compare it, unless that was done with the head of this moment."""
        db = self._store.catalog.db
        row = query.one(db, "SELECT output_repo, output_branch FROM job WHERE id = ?", (self._number,))
        ref = refs.find(db, row.output_repo, row.output_branch)
        head = None if ref is None else ref.head
        if self._compared is None or self._compared.head != head:
            layers = finishing.stack_of(db, self._number)
            self._content, self._compared = await finishing.compare(self._store, head, layers)
        return self._compared

    async def summary(self) -> OutputSummary:
        """Tell what the sealed output changes in the head of its branch."""
        compared = await self._compare()
        whole = compared.changes.whole()
        return OutputSummary(
            digest=self._content.digest(),
            objects=self._content.objects,
            size_bytes=self._content.size_bytes,
            added=whole.added,
            changed=whole.changed,
            removed=whole.removed,
            parent=None if compared.head is None else commits.inspect_number(self._store.catalog.db, compared.head).id,
        )

    async def commit(self, record: Record) -> Commit:
        """Publish the sealed output: commit, record, branch and job state in one transaction. Twice: the same commit.

        The head of that moment becomes its parent.

        Raises:
            JobLost, BranchGone.
        """
        publish = partial(
            finishing.publish, job=self._number, record=record, content=self._content, compared=self._compared
        )
        commit = await self._write(publish)
        self._store.hints.tell()
        return commit

    async def give_back(self) -> None:
        """Let another worker begin the job anew; what it wrote and read so far is forgotten. Twice: no change.

        A job that somebody wanted to end is ended instead.
        """
        if self.is_queued:
            self.is_queued = False
            if not await self._write(lambda tx: queue.give_back(tx, self._number)):
                await self.abandon(JobState.KILLED, "", STOPPED_STATUS)
            self._store.hints.tell()

    async def abandon(self, state: JobState, reason: str, status: int, counts: DatumCounts | None = None) -> None:
        """End the job without a commit on its branch; what it wrote is kept as a quarantined one. Twice: no change.

        One that somebody wanted to end has ended for that reason, or begins anew.

        Args:
            state: FAILURE, KILLED or UNRUNNABLE.
            reason: One sentence.
            status: The runner's exit status for it.
            counts: Of the datums.
        """
        await self.reads.spill()
        values = self._counters(counts)
        await self._write(lambda tx: finishing.count(tx, self._number, values))
        await settle.abandon(self._store, self._number, End(state, reason, status), self.owner)
        self._store.hints.tell()

    def _counters(self, counts: DatumCounts | None) -> Mapping[str, int]:
        return {
            **asdict(counts or DatumCounts()),
            "read_bytes": sum(self._traffic[name].bytes_read for name in {each.name for each in self._pinned}),
            "written_bytes": self._traffic[OUTPUT_BUCKET].bytes_written,
        }

    async def aclose(self) -> None:
        """Let go of the job; one that was not sealed is given back or abandoned.

        A sealed one is committed by whoever meets it next; one that another has taken is left to him.

        Cancellation: shielded, at most 10 s; then, and while the store is out of reach, it is settled as if the runner
            had died.
        """
        with trio.move_on_after(CLOSE_SECONDS, shield=True), suppress(OwnerLost, Unavailable):
            if self.job.state not in (JobState.STARTING, JobState.RUNNING, JobState.EGRESSING):
                pass
            elif self.is_queued:
                await self.give_back()
            else:
                await self.abandon(JobState.KILLED, "the runner ended before the job did", status=STOPPED_STATUS)
        await self.owner.release()
        self._store.hints.tell()

    async def _write(self, function: Callable[[Transaction], T]) -> T:
        return await self._store.writer.write(fenced(self.owner, function))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()
