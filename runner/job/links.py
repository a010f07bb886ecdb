"""Showing an attempt's files at /pfs where no mounts are permitted: by links, as in a container of a plain pod.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/worker/driver/driver_unix.go
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def linked(pfs: Path, folder: Path) -> Iterator[bool]:
    """Link everything in *folder* into *pfs* for as long as the block runs, if that can be done.

    Gives False, and links nothing, where *pfs* is no folder that we may write to, another runner has its links in it,
    or it holds something of one of the names that is no link: it is the machine's own then.
    """
    fd = _take(pfs)
    if fd is None:
        yield False
        return
    made: list[Path] = []
    try:
        links = [pfs / entry.name for entry in folder.iterdir()]
        is_free = all(link.is_symlink() or not link.exists() for link in links)
        for link in links if is_free else ():
            link.unlink(missing_ok=True)  # of a runner that died
            link.symlink_to(folder / link.name)
            made.append(link)
        yield is_free
    finally:
        for link in made:
            link.unlink(missing_ok=True)
        os.close(fd)


def _take(pfs: Path) -> int | None:
    """Lock the folder; None: it is not for us."""
    if not pfs.is_dir() or not os.access(pfs, os.W_OK | os.X_OK):
        return None
    fd = os.open(pfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
