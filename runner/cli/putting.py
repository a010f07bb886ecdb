"""What ``file put`` does: a folder, a file or standard input into a branch, as one commit."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import trio

from runner.cli.objects import folder
from runner.cli.places import written
from runner.cli.progress import progress_line
from runner.cli.world import World
from runner.model.commit import Commit
from runner.model.entry import Attributes
from runner.model.errors import Invalid
from runner.store import files
from runner.store.files.importing import SourceUnreadable
from runner.store.files.names import bad_key
from runner.store.writing.changes import open_change

CHUNK_BYTES = 1024 * 1024


class FolderGiven(Invalid):
    """A folder is put with ``-r``, and nothing else is."""


class KeyRefused(Invalid):
    """No object can have that name."""


class NameMissing(Invalid):
    """What is put has no name of its own."""


def check_source(source: str, *, is_folder: bool) -> None:
    """Refuse what cannot be put before the store is touched; raises `Invalid`."""
    path = Path(source)
    if source != "-" and not path.exists():
        raise Invalid(f"{source} is not there", hint="give a file, a folder with -r, or - for standard input")
    if source != "-" and not os.access(path, os.R_OK):
        raise Invalid(f"{source} may not be read", hint="see who owns it, and who may read it")
    if path.is_dir() and not is_folder:
        raise FolderGiven(f"{source} is a folder", hint="add -r to put all of it")
    if is_folder and not path.is_dir():
        raise FolderGiven(f"{source} is not a folder", hint="leave -r away to put one file")


async def put_folder(world: World, path: Path, address: str, *, mirror: bool, trust_mtime: bool) -> tuple[Commit, bool]:
    """Put what is in a folder below a path; return the commit, and whether it is a new one."""
    where = world.place(address)
    with progress_line("putting", world.options) as progress:
        return await files.import_folder(
            world.store,
            path,
            where.project,
            where.repo,
            written(where),
            mirror=mirror,
            trust_mtime=trust_mtime,
            prefix=folder(where.path or ""),
            progress=progress,
        )


async def put_file(world: World, source: str, address: str) -> tuple[Commit, bool]:
    """Put a file, or standard input, as one object; return the commit, and whether it is a new one."""
    where = world.place(address)
    key = where.path or ""
    if source != "-" and (not key or key.endswith("/")):
        key += Path(source).name
    if not key:
        raise NameMissing("standard input has no name", hint=f"write {replace(where, path=None)}:/NAME")
    if why := bad_key(os.fsencode(key)):
        raise KeyRefused(f"{source} cannot be put: {why}", hint=f"give it another: {replace(where, path=None)}:/PATH")
    async with open_change(world.store, where.project, where.repo, written(where)) as change:
        await change.put(key.encode(), _pieces(source), Attributes())
        return await change.commit()


async def _pieces(source: str) -> AsyncIterator[bytes]:
    """Yield the bytes of a file, or of standard input."""
    opened = partial(open, source, "rb") if source != "-" else lambda: sys.stdin.buffer
    try:
        with await trio.to_thread.run_sync(opened) as stream:
            # Nobody may be typing: a read of a terminal or a pipe must not hold up Ctrl-C.
            while piece := await trio.to_thread.run_sync(stream.read, CHUNK_BYTES, abandon_on_cancel=True):
                yield piece
    except OSError as exc:
        raise SourceUnreadable(f"cannot read {source}: {exc.strerror}") from exc
