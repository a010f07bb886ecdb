"""A folder into a branch, as one commit."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import trio

from runner.host import digests
from runner.model.commit import Commit
from runner.model.entry import Attributes
from runner.model.errors import Invalid
from runner.store.blobs import PACK_BLOB_MAX_BYTES
from runner.store.files import mtimes
from runner.store.files.counts import Counts, Progress, silent
from runner.store.files.deleting import delete_below
from runner.store.files.lanes import in_lanes
from runner.store.files.scan import NotImportable, Scan, scan
from runner.store.history.refs import RefMoved
from runner.store.layers.entries import MTIME, Row, decode_attributes
from runner.store.store import Store
from runner.store.writing.changes import Change, open_change

BATCH_FILES = 64
LANES = 3
"""Batches under way at once; each holds at most `BATCH_FILES` small files in memory."""
TRIES = 10
PIECE_BYTES = 1024 * 1024


class SourceUnreadable(Invalid):
    """A file vanished or cannot be read."""


class _File(NamedTuple):
    """A file as it was read; *data* and *digest* are None when it is large, or *is_trusted*: it was not read."""

    key: bytes
    size: int
    mtime_ns: int
    data: bytes | None
    digest: bytes | None
    is_trusted: bool = False


class _Seen(NamedTuple):
    """What an object of the branch says of the file that it was."""

    size: int
    mtime_ns: int


async def import_folder(
    store: Store,
    source: Path,
    project: str,
    repo: str,
    branch: str,
    *,
    mirror: bool = True,
    trust_mtime: bool = False,
    prefix: bytes = b"",
    progress: Progress = silent,
    propagates: bool = True,
) -> tuple[Commit, bool]:
    """Make a branch hold what a folder or a file holds, as one commit; repo and branch are made when missing.

    A file's key is its path in the folder with ``/``; a single file's is its name. An object whose bytes are the
    same stays as it is, with its times; else the file's time goes with it as ``x-amz-meta-mtime``. When another
    commit gets in between, the import begins again above it.

    Args:
        store: Where.
        source: The folder or file.
        project: Of the repo.
        repo: Its name.
        branch: Its name.
        mirror: Delete the keys under *prefix* that the folder does not have.
        trust_mtime: Do not read a file that has the size and the time that the branch's object had as a file.
        prefix: Put before every key.
        progress: Told of files read.
        propagates: Let the commit make the jobs of the pipelines that read the branch.

    Returns:
        The commit, and whether it is a new one: not when nothing changed.

    Raises:
        NoSuchSource, NotImportable, SourceUnreadable, InvalidName, NoSuchProject: Nothing was committed.
        RefMoved: Others committed faster, ten times.

    Cancellation: nothing was committed, or all of it.
    """
    _refuse_own_folder(store.folder, source)
    found = await trio.to_thread.run_sync(scan, source, prefix)
    for tries_left in reversed(range(TRIES)):
        try:
            async with open_change(store, project, repo, branch) as change:
                await _Import(change, found, prefix, progress, trust_mtime=trust_mtime).run()
                if mirror:
                    await delete_below(change, prefix, keep=found.keys)
                return await change.commit(propagates=propagates)
        except RefMoved:
            if not tries_left:
                raise
    raise AssertionError


class _Import:
    """One pass over the files of a scan."""

    def __init__(self, change: Change, found: Scan, prefix: bytes, progress: Progress, *, trust_mtime: bool) -> None:
        self._trust_mtime = trust_mtime
        self._change = change
        self._found = found
        self._prefix = prefix
        self._progress = progress
        self._done = Counts()
        self._total = Counts(len(found.keys), found.size_bytes)

    async def run(self) -> None:
        keys = iter(self._found.keys)
        await in_lanes(iter(lambda: list(islice(keys, BATCH_FILES)), []), self._put_batch, lanes=LANES)

    async def _put_batch(self, keys: Sequence[bytes]) -> None:
        seen = {key: self._seen(key) for key in keys} if self._trust_mtime else {}
        files = await trio.to_thread.run_sync(self._load, keys, seen)
        await in_lanes(iter(files), self._put, lanes=len(files))
        self._progress(self._done, self._total)

    def _seen(self, key: bytes) -> _Seen | None:
        row = self._change.find(self._prefix + key)
        mtime_ns = None if row is None else mtimes.decode(decode_attributes(row.meta))
        return None if row is None or mtime_ns is None else _Seen(row.size or 0, mtime_ns)

    def _load(self, keys: Sequence[bytes], seen: Mapping[bytes, _Seen | None]) -> Sequence[_File]:
        """Read what is small and not trusted; in a worker thread."""
        return [_load(key, self._found.path(key), seen.get(key)) for key in keys]

    async def _put(self, file: _File) -> None:
        key = self._prefix + file.key
        if not file.is_trusted and not await self._is_same(self._change.find(key), file):
            pieces = _at_once(file.data) if file.data is not None else _pieces(self._found.path(file.key))
            attributes = Attributes(metadata={MTIME: mtimes.encode(file.mtime_ns)})
            async with aclosing(pieces):
                await self._change.put(key, pieces, attributes)
        self._done.add(file.size)

    async def _is_same(self, before: Row | None, file: _File) -> bool:
        if before is None or before.size != file.size:
            return False
        return before.digest == (file.digest or await _digest(self._found.path(file.key)))


def _refuse_own_folder(own: Path, source: Path) -> None:
    own, source = own.resolve(), source.resolve()
    if own.is_relative_to(source) or source.is_relative_to(own):
        raise NotImportable(f"the store itself lies in {source}", hint="choose a folder beside it, or another --store")


def _load(key: bytes, path: bytes, seen: _Seen | None) -> _File:
    try:
        if seen is not None and _Seen((found := os.stat(path)).st_size, found.st_mtime_ns) == seen:  # noqa: PTH116  # bytes
            return _File(key, *seen, None, None, is_trusted=True)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold us up
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise SourceUnreadable(f"{os.fsdecode(path)} is no regular file any more")
            if status.st_size > PACK_BLOB_MAX_BYTES:
                return _File(key, status.st_size, status.st_mtime_ns, None, None)
            with open(fd, "rb", closefd=False) as file:
                data = file.read()
        finally:
            os.close(fd)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    digest = digests.new("BLAKE3")
    digest.update(data)
    return _File(key, len(data), status.st_mtime_ns, data, digest.digest())


async def _digest(path: bytes) -> bytes:
    digest = digests.new("BLAKE3")
    async with aclosing(_pieces(path)) as pieces:
        async for piece in pieces:
            await trio.to_thread.run_sync(digest.update, piece)
    return digest.digest()


async def _at_once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


async def _pieces(path: bytes) -> AsyncGenerator[bytes, None]:
    try:
        async with await trio.open_file(path, "rb") as file:
            while piece := await file.read(PIECE_BYTES):
                yield piece
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: bytes, exc: OSError) -> SourceUnreadable:
    return SourceUnreadable(f"cannot read {os.fsdecode(path)}: {exc.strerror}")
