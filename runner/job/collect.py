"""What a program left in ``/pfs/out``, into the output of its attempt.

Regular files and what symbolic links lead to are taken, as content; folders without files, pipes, sockets and devices
are not; modes, owners and times are nobody's. Paths are followed as the program saw them, which is not where they lie
on this machine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import trio

from runner.model.entry import Attributes, Condition
from runner.model.errors import Invalid
from runner.store.buckets.output import OutBucket
from runner.store.files import names
from runner.store.files.lanes import in_lanes
from runner.store.refusals import PreconditionFailed

BATCH_FILES = 64
_LINKS_MAX = 40
_PIECE_BYTES = 256 * 1024  # of each file of a batch
_NOT_DATA = (b"/proc", b"/sys", b"/dev")
_ABSENT = Condition(if_none_match=("*",))


class OutputUnfit(Invalid):
    """What the program left cannot become objects."""


class WrittenTwice(Invalid):
    """Another datum of the job wrote the same path."""

    def __init__(self, key: bytes) -> None:
        super().__init__(f"another datum wrote {names.shown(key)} too")
        self.key = key


class ChildView(NamedTuple):
    """The program's file system, seen from this machine.

    Attributes:
        mounts: Pairs of source and target; later ones lie above earlier ones.
        uid: Of whom the program ran as, when that is not who we are: then nothing is read that is not his, wherever
            a link leads, because he may have been kept from what we may read. None: we are who it was.
    """

    mounts: Sequence[tuple[str, str]]
    uid: int | None = None

    def place(self, path: bytes) -> bytes:
        """Return where the program's *path* lies on this machine."""
        for source, target in reversed(self.mounts):
            below = os.fsencode(target)
            if path == below or path.startswith(below + b"/"):
                return os.fsencode(source) + path[len(below) :]
        return path

    def refusal(self, status: os.stat_result) -> str:
        """Return why a file or folder is not read; empty: it may be."""
        return "belongs to another user" if self.uid is not None and status.st_uid != self.uid else ""


class _File(NamedTuple):
    key: bytes
    place: bytes


async def collect(bucket: OutBucket, view: ChildView, out: str) -> None:
    """Put what lies in the program's folder *out* into *bucket*.

    Args:
        bucket: Holds what other datums wrote, and nothing of this one.
        view: The program's.
        out: A folder in it.

    Raises:
        OutputUnfit: *out* is gone, a link leads nowhere or to no data, a name is none of a key, a file cannot be read
            or is not his.
        WrittenTwice: Of one path.
        What `Bucket.put` raises.
    """
    files = _walk(view, os.fsencode(out))

    async def put(file: _File) -> None:
        try:
            await bucket.put(file.key, _Body(view, file, _told(out, file.key)), Attributes(), _ABSENT)
        except PreconditionFailed as exc:
            raise WrittenTwice(file.key) from exc

    while batch := await trio.to_thread.run_sync(lambda: list(islice(files, BATCH_FILES))):
        await in_lanes(iter(batch), put, lanes=BATCH_FILES)


class _Body:
    """A file as the body of a request, read as it is asked for."""

    checksum = None

    def __init__(self, view: ChildView, file: _File, shown: str) -> None:
        self._view = view
        self._file = file
        self._shown = shown

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        with self._told():
            # What left the job's processes may still put a link, a pipe or another's file in its place.
            fd = os.open(self._file.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            why = self._view.refusal(status) if stat.S_ISREG(status.st_mode) else "is no regular file any more"
            if why:
                raise OutputUnfit(f"{self._shown} {why}")
            while True:
                with self._told():
                    piece = await trio.to_thread.run_sync(os.read, fd, _PIECE_BYTES)
                if not piece:
                    return
                yield piece
        finally:
            os.close(fd)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise OutputUnfit(f"{self._shown} cannot be read: {exc.strerror}") from exc


def _walk(view: ChildView, out: bytes) -> Iterator[_File]:
    """Yield every file below *out*, a folder reached by a link under the link's name; blocks."""
    root, status = _follow(view, out, shown=os.fsdecode(out))
    if not stat.S_ISDIR(status.st_mode):
        raise OutputUnfit(f"{os.fsdecode(out)} is no folder any more")
    pending: list[tuple[bytes, bytes, tuple[bytes, ...]]] = [(b"", root, (root,))]
    while pending:
        prefix, folder, around = pending.pop()
        try:
            found = sorted(os.listdir(view.place(folder)))  # noqa: PTH208  # bytes
        except OSError as exc:
            raise OutputUnfit(f"{_told(os.fsdecode(out), prefix)} cannot be read: {exc.strerror}") from exc
        for name in found:
            key = prefix + name
            path, status = _follow(view, folder + b"/" + name, shown=_told(os.fsdecode(out), key))
            if stat.S_ISDIR(status.st_mode):
                if path in around:
                    raise OutputUnfit(f"{_told(os.fsdecode(out), key)} is a symbolic link to a folder around it")
                pending.append((key + b"/", path, (*around, path)))
            elif stat.S_ISREG(status.st_mode):
                if why := names.bad_key(key):
                    raise OutputUnfit(f"{_told(os.fsdecode(out), key)} cannot be kept: {why}")
                yield _File(key, view.place(path))


def _follow(view: ChildView, path: bytes, *, shown: str) -> tuple[bytes, os.stat_result]:
    """Return the program's path and the status of what *path* leads to."""
    done, rest = b"", path.split(b"/")[::-1]
    links = 0
    while rest:
        name = rest.pop()
        if name in {b"", b"."}:
            continue
        if name == b"..":
            done = done.rpartition(b"/")[0]
            continue
        here = done + b"/" + name
        try:
            status = os.lstat(view.place(here))
        except OSError as exc:
            why = "is a symbolic link to nothing" if links else f"cannot be read: {exc.strerror}"
            raise OutputUnfit(f"{shown} {why}: {names.shown(here)}" if links else f"{shown} {why}") from exc
        if not stat.S_ISLNK(status.st_mode):
            done = here
            continue
        links += 1
        if links > _LINKS_MAX:
            raise OutputUnfit(f"{shown} is a symbolic link to itself")
        target = os.readlink(view.place(here))  # noqa: PTH115  # bytes
        if target.startswith(b"/"):
            done = b""
        rest += target.split(b"/")[::-1]
    if links and any(_is_below(done, folder) for folder in _NOT_DATA):
        raise OutputUnfit(f"{shown} is a symbolic link to no data: {names.shown(done)}", hint="copy what it leads to")
    status = os.lstat(view.place(done or b"/"))
    if why := view.refusal(status):
        raise OutputUnfit(f"{shown} {why}", hint="copy what it leads to" if links else "")
    return done, status


def _told(out: str, key: bytes) -> str:
    return f"{out}/{names.shown(key)}"


def _is_below(place: bytes, folder: bytes) -> bool:
    return place == folder or place.startswith(folder + b"/")
