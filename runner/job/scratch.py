"""What an attempt finds in the file system: /pfs, a /tmp of its own, files that clients and secrets need."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from runner.host.process import User
from runner.job.datums import Datum
from runner.job.environment import Gate, Places, generated_files
from runner.job.links import linked
from runner.job.prepare import Ready
from runner.model.errors import Unavailable
from runner.model.job import JobInput
from runner.model.pipeline import OUTPUT_BUCKET

Give = Callable[[JobInput, str, Path], Awaitable[None]]
"""Writes the file, or all files of the folder, at a path of an input into a folder of this machine."""

_ROOT = Path("/")
_TMP = Path("/tmp")  # noqa: S108  # hidden from the child by a folder of its own


@dataclass(frozen=True, slots=True)
class Scratch:
    """Folders of one attempt.

    Attributes:
        folder: Holds all of it.
        places: As the child sees them.
        mounts: Pairs of source and target.
    """

    folder: Path
    places: Places
    mounts: tuple[tuple[str, str], ...]

    def write_dot_env(self, environment: Mapping[str, str]) -> None:
        """Write ``/pfs/.env``; what a line cannot hold is left out. Raises `ScratchRefused`."""
        lines = [f"{name}={value}\n" for name, value in environment.items() if "\n" not in name + value]
        try:
            _write(self.folder / "pfs" / ".env", "".join(lines))
        except OSError as exc:
            hint = "see whether its disk is full"
            raise ScratchRefused(f"{self.folder} cannot be used: {exc.strerror}", hint=hint) from exc


class ScratchRefused(Unavailable):
    """There is no room for the files of an attempt, or no right to make them."""


@asynccontextmanager
async def open_scratch(ready: Ready, datum: Datum, gate: Gate | None, give: Give) -> AsyncIterator[Scratch]:
    """Make the folders of an attempt with its files, and remove them at the end with all that the code left there.

    Args:
        ready: What runs, and where.
        datum: For what.
        gate: To the buckets; None: there are none.
        give: Writes the files of an input that is no bucket.

    Raises:
        ScratchRefused: (Unavailable)
        What *give* raises.
    """
    # Another user could not pass through the folders of the store.
    parent = ready.host.scratch if ready.user is None else Path(tempfile.gettempdir())
    try:
        folder = _make(parent, ready, datum, gate)
    except OSError as exc:
        raise ScratchRefused(f"{parent} cannot be used: {exc.strerror}", hint="see whether its disk is full") from exc
    try:
        for member in datum.members:
            if not member.input.s3:
                await give(member.input, member.path, folder / "pfs" / member.input.name)
        if ready.user is not None:
            await trio.to_thread.run_sync(_hand_over, folder, ready.user)
        if ready.host.isolation.namespaces:
            yield _mounted(folder, ready)
        else:
            with linked(ready.host.pfs, folder / "pfs") as is_shown:
                yield _bare(folder, ready, is_shown=is_shown)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))


def _make(parent: Path, ready: Ready, datum: Datum, gate: Gate | None) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="attempt-", dir=parent))
    for name in ("generated", "pfs", "tmp"):
        (folder / name).mkdir()
    (folder / "tmp").chmod(0o1777)
    for member in datum.members:
        (folder / "pfs" / member.input.name).mkdir(mode=0o700 if member.input.s3 else 0o755, exist_ok=True)
    if not ready.pipeline.s3_out:
        (folder / "pfs" / OUTPUT_BUCKET).mkdir()
        (folder / "pfs" / OUTPUT_BUCKET).chmod(0o777)
    for name, text in generated_files(gate).items() if gate else ():
        _write(folder / "generated" / name, text)
    _write(folder / "pfs" / ".env", "")
    for number, _ in enumerate(_secret_folders(ready)):
        (folder / f"secret-{number}").mkdir()
    return folder


def _hand_over(folder: Path, user: User) -> None:
    """Let all of *folder* belong to whoever runs the code."""
    os.chown(folder, user.uid, user.gid)
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(here, name), user.uid, user.gid, follow_symlinks=False)


def _bare(folder: Path, ready: Ready, *, is_shown: bool) -> Scratch:
    """Say where the child finds what is in *folder* without mounts."""
    pfs = ready.host.pfs if is_shown else folder / "pfs"
    tmp = str(folder / "tmp") if ready.host.settings.private_tmp else ""
    return Scratch(folder, Places(str(pfs), str(folder / "generated"), tmp), ())


def _mounted(folder: Path, ready: Ready) -> Scratch:
    """Say where it finds it by mounts."""
    pfs, generated, tmp = (str(folder / name) for name in ("pfs", "generated", "tmp"))
    wants_tmp = ready.host.settings.private_tmp
    mounts: list[tuple[str, str]] = []
    if wants_tmp:
        mounts += [(tmp, str(_TMP)), *((str(path), str(path)) for path in _needed_below_tmp(folder))]
        tmp = str(_TMP)
    if ready.host.pfs.is_dir() or (ready.host.isolation.root and ready.host.pfs.parent == _ROOT):
        mounts.append((pfs, str(ready.host.pfs)))
        pfs = str(ready.host.pfs)
    for number, (target, files) in enumerate(_secret_folders(ready).items()):
        mounts += [(str(folder / f"secret-{number}"), target), *files]
    return Scratch(folder, Places(pfs, generated, tmp if wants_tmp else ""), tuple(mounts))


def _needed_below_tmp(folder: Path) -> Sequence[Path]:
    """Return what lies in the machine's /tmp and must stay visible: our files, our interpreter's, where we stand."""
    needed = (folder, Path(sys.prefix), Path.cwd())
    return [path for path in needed if _TMP in path.parents]


def _secret_folders(ready: Ready) -> Mapping[str, list[tuple[str, str]]]:
    """Return the mounts of secrets by the folder that they appear in."""
    folders: dict[str, list[tuple[str, str]]] = {}
    for source, target in ready.secrets.mounts:
        folders.setdefault(str(Path(target).parent), []).append((str(source), target))
    return folders


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone can read: it holds credentials."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", errors="surrogateescape") as file:
        file.write(text)
