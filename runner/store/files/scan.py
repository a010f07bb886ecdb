"""What a folder holds, before any of it is imported: every file's key, and everything that stands in the way."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runner.model.errors import Invalid, NotFound
from runner.store.files import names

SHOWN_MAX = 20


class NoSuchSource(NotFound):
    """There is no such folder or file to import."""


class NotImportable(Invalid):
    """The folder holds things that cannot become objects."""


@dataclass(slots=True)
class Scan:
    """The files of a folder.

    Attributes:
        keys: In order. One name a file is all that is kept of it.
        size_bytes: Of all of them, when they were seen.
    """

    source: Path
    keys: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    _elsewhere: dict[bytes, bytes] = field(default_factory=dict)

    def path(self, key: bytes) -> bytes:
        """Return the path of the file that becomes *key*."""
        return os.path.join(os.fsencode(self.source), self._elsewhere.get(key, key))  # noqa: PTH118  # bytes

    def add(self, name: bytes, size: int) -> bytes:
        """Take up the file *name* below the source and return its key."""
        key = names.read_back(name)
        if key != name:
            self._elsewhere[key] = name
        self.keys.append(key)
        self.size_bytes += size
        return key


def scan(source: Path, prefix: bytes = b"") -> Scan:
    """Look at all of *source*, a folder or one file, whose keys will follow *prefix*; blocks.

    Symbolic links are followed when they stay inside the folder.

    Raises:
        NoSuchSource: It is not there.
        NotImportable: Some names or files cannot be objects; tells the first of them, with reasons.
    """
    if not source.exists():
        raise NoSuchSource(f"{source} is not there")
    problems: list[tuple[bytes, str]] = []
    if source.is_dir():
        found = Scan(source)
        files = _walk(os.fsencode(source), problems)
    else:
        found = Scan(source.parent)
        files = _single(source, problems)
    for name, size in files:
        why = names.bad_key(prefix + found.add(name, size))
        if why:
            problems.append((name, why))
    found.keys.sort()
    for one, other in zip(found.keys, found.keys[1:], strict=False):
        if one == other:
            problems.append((one, "two files have this key, one of them by a spelled name (%~)"))
    if problems:
        raise _refusal(source, problems)
    return found


def _single(source: Path, problems: list[tuple[bytes, str]]) -> Iterator[tuple[bytes, int]]:
    status = source.stat()
    name = os.fsencode(source.name)
    if stat.S_ISREG(status.st_mode):
        yield name, status.st_size
    else:
        problems.append((name, "is no regular file"))


def _walk(root: bytes, problems: list[tuple[bytes, str]]) -> Iterator[tuple[bytes, int]]:
    """Yield name below *root* and size of every regular file."""
    real_root = os.path.realpath(root)
    pending: list[tuple[bytes, tuple[bytes, ...]]] = [(b"", (real_root,))]
    while pending:
        folder, ancestors = pending.pop()
        try:
            entries = os.scandir(os.path.join(root, folder))  # noqa: PTH118  # bytes
        except OSError as exc:
            problems.append((folder, f"cannot be read: {exc.strerror}"))
            continue
        with entries:
            for entry in entries:
                name = folder + entry.name
                try:
                    is_folder, size = _look(entry, real_root, ancestors)
                except _Refused as exc:
                    problems.append((name, str(exc)))
                    continue
                if is_folder:
                    pending.append((name + b"/", (*ancestors, os.path.realpath(entry.path))))
                else:
                    yield name, size


class _Refused(Exception):
    pass


def _look(entry: os.DirEntry[bytes], root: bytes, ancestors: tuple[bytes, ...]) -> tuple[bool, int]:
    """Return whether *entry* is a folder to go into, and the size of a file."""
    if entry.is_symlink():
        target = os.path.realpath(entry.path)
        if target != root and not target.startswith(root + b"/"):
            raise _Refused("is a symbolic link that leaves the folder")
        if target in ancestors:
            raise _Refused("is a symbolic link to a folder around it")
    try:
        status = entry.stat()
    except OSError as exc:
        why = "is a symbolic link to nothing" if entry.is_symlink() else f"cannot be read: {exc.strerror}"
        raise _Refused(why) from exc
    if stat.S_ISDIR(status.st_mode):
        return True, 0
    if not stat.S_ISREG(status.st_mode):
        raise _Refused("is no regular file")
    return False, status.st_size


def _refusal(source: Path, problems: list[tuple[bytes, str]]) -> NotImportable:
    told = "\n".join(f"  {names.shown(name or b'.')}: {why}" for name, why in sorted(problems)[:SHOWN_MAX])
    more = f"\n  and {len(problems) - SHOWN_MAX:,} more" if len(problems) > SHOWN_MAX else ""
    return NotImportable(
        f"{source} cannot be imported as it is:\n{told}{more}",
        hint="mend, rename or remove them, or import another folder",
    )
