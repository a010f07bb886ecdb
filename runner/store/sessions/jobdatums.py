"""The datums of a job of this process: what its inputs give, which are skipped, how each ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from runner.model.job import DatumState, JobInput, JobKey
from runner.model.provenance import ReadKind
from runner.store.catalog import query
from runner.store.catalog.codes import LayerState
from runner.store.catalog.engine import Transaction
from runner.store.files import giving
from runner.store.files.paths import Match, Matches, find_matches, key_of
from runner.store.history import commits
from runner.store.jobs import datums, finishing, jobs
from runner.store.jobs.datums import Base, Former, Planned
from runner.store.jobs.reads import ReadLog, Traffic
from runner.store.layers import staging, tree
from runner.store.owners import Owner, fenced
from runner.store.store import Store

T = TypeVar("T")

_ROOT = "/"
_CARRIED = -1
"""Place of what is carried over in the job's stack: below all attempts, which count from 0."""


class JobDatums:
    """What a job runs its command for. Made by `JobSession`.

    Args:
        store: Where.
        job: Its number.
        pinned: The commits of its inputs.
        owner: Of the job.
        reads: Takes note of the files that datums are given.
        traffic: The same, by name of the input.
    """

    def __init__(
        self,
        store: Store,
        job: int,
        pinned: Mapping[JobInput, int],
        *,
        owner: Owner,
        reads: ReadLog,
        traffic: Mapping[str, Traffic],
    ) -> None:
        self._store = store
        self._job = job
        self._pinned = pinned
        self._owner = owner
        self._reads = reads
        self._traffic = traffic
        self._base: Base | None = None
        self._carried: int | None = None

    def weigh(self, given: JobInput) -> Match:
        """Return what an input holds as a whole; equal digests mean equal objects."""
        commit = commits.inspect_number(self._store.catalog.db, self._pinned[given])
        return Match("/", commit.digest, commit.objects, commit.size_bytes)

    async def find(
        self, given: JobInput, matches: Matches, prefix: str = "", *, folds_case: bool = False
    ) -> Sequence[Match]:
        """Return the files and folders of an input that *matches* wants, as `runner.store.files.paths.find_matches`."""
        start = prefix.encode(errors="surrogateescape")
        return await find_matches(self._store.catalog.db, self._layers(given), matches, start, folds_case=folds_case)

    async def give(self, given: JobInput, path: str, folder: Path) -> None:
        """Write a file, or all files of a folder, under their whole paths into *folder*; each counts as read.

        Raises:
            InTheWay, ExportFailed: As `runner.store.files.export_folder`.
            Corrupt, StorageFailed.
        """
        traffic = self._traffic[given.name]
        written = giving.give(self._store, self._layers(given), path, folder)
        async with aclosing(written):
            async for entry in written:
                traffic.objects_read += 1
                traffic.bytes_read += entry.size
                self._reads.note_object(given.name, entry, ReadKind.GET)
                self._reads.note_range(given.name, entry, 0, entry.size)
                if self._reads.is_full:
                    await self._reads.spill()

    async def put(self, planned: Iterable[Planned], *, skip: bool) -> None:
        """Write what the job is about to run; with *skip* what was run before is not run again, its output stays.

        What it read then has shaped this output, and counts as read.

        Raises:
            JobLost: Somebody else decided about the job.
        """
        db = self._store.catalog.db
        self._base = base = datums.find_base(db, self._job) if skip else None
        pending = iter(planned)
        keys: list[bytes] = []
        read: set[str] = set()
        while some := list(islice(pending, datums.ROWS_PER_WRITE)):
            rows = [(each, datums.find_former(db, base, each) if base else None) for each in some]
            await self._write(partial(_put, job=self._job, rows=rows))
            if base:
                await self._carry_reads(base, [each for each, former in rows if former is not None], read)
            for source in [former.source for _, former in rows if former is not None]:
                for found in datums.keys_of(db, source):
                    keys += found
                    if base and len(keys) >= datums.ROWS_PER_WRITE:
                        await self._carry(base, keys)
                        keys = []
        if base and keys:
            await self._carry(base, keys)
        if self._carried is not None:
            await self._write(partial(_seal, layer=self._carried))

    @property
    def base(self) -> JobKey | None:
        """The job that this one was compared with."""
        return None if self._base is None else jobs.inspect_number(self._store.catalog.db, self._base.job).key

    def is_skipped(self, datum: str) -> bool:
        """Tell whether the output of a datum was carried over."""
        return datums.state_of(self._store.catalog.db, self._job, datum) is DatumState.SKIPPED

    async def end(self, datum: str, state: DatumState) -> None:
        """Write how a datum ended that did not succeed, and count it; one that did was counted with its attempt."""
        await self._write(partial(datums.end, job=self._job, datum=datum, state=state))

    def find_writer(self, key: bytes) -> str | None:
        """Return the id of the datum that wrote *key* into the output."""
        return datums.find_writer(self._store.catalog.db, self._job, key)

    async def find_collision(self) -> bytes | None:
        """Return the first folder of the output that is also a file in it, as its files' common prefix."""
        layers = finishing.stack_of(self._store.catalog.db, self._job)
        around: list[bytes] = []
        async with aclosing(tree.walk(self._store.catalog.db, layers)) as rows:
            async for row in rows:
                before, around = around, row.key.split(b"/")[:-1]
                for depth in range(1, len(around) + 1):
                    folder = b"/".join(around[:depth])
                    if before[:depth] != around[:depth] and tree.find(self._store.catalog.db, layers, folder):
                        return folder
        return None

    async def _carry(self, base: Base, keys: Collection[bytes]) -> None:
        """Take objects over from the base job: those of many datums at once, since each write waits for the disk."""
        if self._carried is None:
            self._carried = await self._write(partial(_open_carried, job=self._job, owner=self._owner.name))
        await self._write(partial(datums.carry, layer=self._carried, base=base, keys=sorted(set(keys))))

    async def _carry_reads(self, base: Base, skipped: Iterable[Planned], whole: set[str]) -> None:
        """Take over what datums read in the base job; of inputs in *whole* all was taken over already."""
        for given, path in dict.fromkeys((file.input, file.path) for each in skipped for file in each.files):
            if given not in whole:
                await self._reads.carry_over(base.job, given, key_of(path))
            if path == _ROOT:
                whole.add(given)

    async def _write(self, function: Callable[[Transaction], T]) -> T:
        return await self._store.writer.write(fenced(self._owner, function))

    def _layers(self, given: JobInput) -> tree.ReadSet:
        return commits.read_set(self._store.catalog.db, self._pinned[given])


def _put(tx: Transaction, job: int, rows: Sequence[tuple[Planned, Former | None]]) -> None:
    finishing.require_running(tx, job)
    datums.put(tx, job, rows)


def _open_carried(tx: Transaction, job: int, owner: str) -> int:
    layer = staging.open_layer(tx, owner)
    query.insert(tx.db, "stack", {"job": job, "n": _CARRIED, "layer": layer})
    return layer


def _seal(tx: Transaction, layer: int) -> None:
    staging.set_state(tx, layer, LayerState.SEALED)
    staging.measure(tx, layer)
