"""A commit into a folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Literal, NamedTuple

import trio

from runner.model.commit import Commit
from runner.model.entry import Entry
from runner.model.errors import Invalid
from runner.store.contents.content import Content
from runner.store.files import mtimes
from runner.store.files.counts import Counts, Progress, silent
from runner.store.files.folder import TargetFile, TargetFolder
from runner.store.files.plan import Plan, Planner
from runner.store.history import commits, repos
from runner.store.layers import tree
from runner.store.layers.entries import Row, entry_of
from runner.store.store import Store

BATCH_FILES = 64
BATCH_BYTES = 4 * 1024 * 1024
SMALL_BYTES = 256 * 1024
DISCARD_SECONDS = 5

OnOddKeys = Literal["stop", "skip", "escape"]


class DestinationRefused(Invalid):
    """A commit cannot be exported there."""


class _Small(NamedTuple):
    path: bytes
    data: bytes
    mtime_ns: int | None


async def export_folder(
    store: Store,
    commit: Commit,
    destination: Path,
    prefix: bytes = b"",
    *,
    on_odd_keys: OnOddKeys = "stop",
    progress: Progress = silent,
) -> Counts:
    """Write the objects of a commit as files; durable when this returns.

    An object's path below *destination* is its key behind the last ``/`` of *prefix*. Each file appears whole, over
    one of that name; others that lie there stay. Times come back from ``x-amz-meta-mtime``.

    Args:
        store: Where.
        commit: What to export.
        destination: A folder, made when it is missing; nothing is written outside it.
        prefix: Only keys that begin so.
        on_odd_keys: What becomes of keys that a folder cannot hold exactly: with ``escape`` they get spelled names,
            which an import reads back.
        progress: Told of files written.

    Returns:
        What was written.

    Raises:
        OddKeys: There are such keys and they are to stop it; nothing was written.
        DestinationRefused, InTheWay, ExportFailed; Corrupt, StorageFailed: Some files may have been written.

    Cancellation: some files may have been written; each is whole.
    """
    check_destination(store.folder, destination)
    layers = _layers(store, commit)
    folder = await trio.to_thread.run_sync(TargetFolder, destination)
    try:
        cut = prefix.rfind(b"/") + 1
        db = store.catalog.db
        planner = Planner(db, layers, cut, folds_case=await trio.to_thread.run_sync(folder.folds_case))
        async with aclosing(tree.walk(db, layers, prefix)) as rows:
            planned = await planner.plan(rows)
        if on_odd_keys == "stop":
            planned.refuse()
        export = Export(store, folder, planned.total, progress)
        async with aclosing(tree.walk(db, layers, prefix)) as rows:
            await export.run(_paths(rows, planned, cut, escape=on_odd_keys == "escape"))
        await trio.to_thread.run_sync(folder.sync)
        return export.done
    finally:
        folder.close()


def check_destination(own: Path, destination: Path) -> None:
    """Raise `DestinationRefused` where nothing can be exported to: into the store's folder *own*, over a file."""
    if destination.resolve().is_relative_to(own.resolve()):
        raise DestinationRefused(f"{destination} lies in the store itself", hint="choose a folder outside it")
    there = next((path for path in (destination, *destination.parents) if path.exists()), None)
    if there is not None and not there.is_dir():
        raise DestinationRefused(f"{destination} is no folder: {there} is a file", hint="choose a folder")


def _layers(store: Store, commit: Commit) -> tree.ReadSet:
    db = store.catalog.db
    return commits.read_set(db, commits.require_id(db, repos.require(db, commit.project, commit.repo), commit.id))


async def _paths(
    rows: AsyncIterator[Row], planned: Plan, cut: int, *, escape: bool
) -> AsyncGenerator[tuple[bytes, Entry], None]:
    """Yield path and entry of every object that is to be written."""
    async for row in rows:
        odd = planned.odd.get(row.key)
        if odd is None or escape:
            yield (row.key[cut:] if odd is None else odd.path), entry_of(row)


class Export:
    """Small objects are read one after the other and written in batches by a thread, large ones piece by piece.

    Args:
        store: Where they are.
        folder: Where they go.
        total: Of them all, for *progress*.
        progress: Told of files written.
        clones: Whether large files may share their bytes with the store where the file system can do that. They
            are not compared with their digests then.
    """

    def __init__(
        self, store: Store, folder: TargetFolder, total: Counts, progress: Progress, *, clones: bool = False
    ) -> None:
        self.done = Counts()
        self._store = store
        self._folder = folder
        self._total = total
        self._progress = progress
        self._clones = clones
        self._batch: list[_Small] = []
        self._held = 0

    async def run(self, objects: AsyncGenerator[tuple[bytes, Entry], None]) -> None:
        """Write all of *objects*."""
        async with aclosing(objects):
            async for path, entry in objects:
                await self.take(path, entry)
        await self.flush()

    async def take(self, path: bytes, entry: Entry) -> None:
        """Write one object; a small one with the next `flush` at the latest."""
        if entry.size > SMALL_BYTES:
            await self._stream(path, entry)
            return
        async with aclosing(self._read(entry)) as pieces:
            data = b"".join([piece async for piece in pieces])
        self._batch.append(_Small(path, data, mtimes.decode(entry.attributes)))
        self._held += len(data)
        if len(self._batch) == BATCH_FILES or self._held >= BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write the small objects that were only read so far."""
        batch, self._batch, self._held = self._batch, [], 0
        await trio.to_thread.run_sync(self._write, batch)
        for file in batch:
            self.done.add(len(file.data))
        self._progress(self.done, self._total)

    def _write(self, batch: Sequence[_Small]) -> None:
        for path, data, mtime_ns in batch:
            file = self._folder.create(path)
            try:
                file.write(data)
                file.finish(mtime_ns)
            finally:
                file.discard()

    async def _stream(self, path: bytes, entry: Entry) -> None:
        file: TargetFile = await trio.to_thread.run_sync(self._folder.create, path)
        try:
            if not (self._clones and await self._clone(file, entry)):
                async with aclosing(self._read(entry)) as pieces:
                    async for piece in pieces:
                        await trio.to_thread.run_sync(file.write, piece)
            await trio.to_thread.run_sync(file.finish, mtimes.decode(entry.attributes))
        finally:
            with trio.move_on_after(DISCARD_SECONDS, shield=True):
                await trio.to_thread.run_sync(file.discard)
        self.done.add(entry.size)
        self._progress(self.done, self._total)

    async def _clone(self, file: TargetFile, entry: Entry) -> bool:
        assert isinstance(entry.content, Content)  # noqa: S101  # as in `_read`
        return await self._store.objects.clone(entry.content, entry.size, file.fileno())

    def _read(self, entry: Entry) -> AsyncGenerator[bytes, None]:
        assert isinstance(entry.content, Content)  # noqa: S101  # an entry of the store has content
        return self._store.objects.read(entry.content, 0, entry.size)
