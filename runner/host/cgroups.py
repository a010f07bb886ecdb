"""Control groups: where all processes of a command share one limit, and who was killed for want of memory.

A group is a folder that we may make below our own. That is so for root where version 1 is mounted, in a container
that may write its groups, and for a systemd unit with ``Delegate=yes``. Elsewhere nobody has a group but the one that
he is in, whose limits and counters can still be read.

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runner.model.errors import Unavailable

_PERIOD_MICROSECONDS = 100_000
_LEAST_QUOTA_MICROSECONDS = 1_000  # the kernel takes no less
_VMSTAT = Path("/proc/vmstat")
_OOM_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)

MEMORY, CPU = "memory", "cpu"


class CannotLimit(Unavailable):
    """A command cannot be given the limits that it shall have."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where the group that we are in stands, for one kind of resource; *unified* in version 2, where all are one."""

    folder: Path
    unified: bool


@dataclass(slots=True)
class Group:
    """A command's own group, one folder for each kind of resource that it is limited in.

    Attributes:
        members: Files that a process writes ``0`` to, to join.
    """

    members: tuple[str, ...] = ()
    _counter: Path = _VMSTAT
    _kills_before: int = 0

    @property
    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory since the group was made."""
        return _kills(self._counter) - self._kills_before


class Cgroups:
    """The groups of this machine, as far as they are ours.

    Args:
        proc: ``/proc/self``.
    """

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._proc = proc
        self._can: dict[str, bool] = {}

    @cached_property
    def _own(self) -> dict[str, Hierarchy]:
        return _find_own(self._proc) if sys.platform == "linux" else {}

    def can_limit(self, kind: str) -> bool:
        """Tell whether a command can be given a group of its own for *kind*; tried once."""
        if kind not in self._can:
            self._can[kind] = self._try(kind)
        return self._can[kind]

    def own_limit(self, kind: str) -> float:
        """Return the limit of the group that we are in: bytes or processors; infinite where there is none."""
        own = self._own.get(kind)
        if own is None:
            return float("inf")
        try:
            return _read_limit(own, kind)
        except (OSError, ValueError, ZeroDivisionError):
            return float("inf")  # the root group has no limit, and no file of one

    @contextmanager
    def open(self, limits: Mapping[str, float]) -> Iterator[Group]:
        """Make a group for a command and remove it at the end, when nobody may be in it any more.

        Args:
            limits: Bytes of memory, number of processors; only kinds for which `can_limit` holds.

        Raises:
            CannotLimit: (Unavailable) the right to make groups was taken away meanwhile.
        """
        name = f"runner-{uuid.uuid4().hex}"
        made: dict[str, Hierarchy] = {}
        try:
            for kind, limit in limits.items():
                try:
                    made[kind] = _make(self._own[kind], name, kind, limit)
                except OSError as exc:
                    raise CannotLimit(f"no control group for {kind} can be made: {exc.strerror}") from exc
            counter = _counter_of(made.get(MEMORY) or self._own.get(MEMORY))
            members = {str(hierarchy.folder / "cgroup.procs") for hierarchy in made.values()}
            yield Group(tuple(sorted(members)), counter, _kills(counter))
        finally:
            for hierarchy in made.values():
                with suppress(OSError):  # in version 2 both kinds are one folder
                    hierarchy.folder.rmdir()

    def _try(self, kind: str) -> bool:
        own = self._own.get(kind)
        if own is None:
            return False
        try:
            if own.unified:
                _delegate(own.folder, kind)
            with self.open({kind: 2**40 if kind == MEMORY else 1.0}):
                return True
        except (OSError, CannotLimit):
            return False


def _find_own(proc: Path) -> dict[str, Hierarchy]:
    """Read where the groups are mounted and which of them we are in."""
    try:
        groups = (proc / "cgroup").read_text().splitlines()
        mounts = (proc / "mountinfo").read_text().splitlines()
    except OSError:
        return {}
    found: dict[str, Hierarchy] = {}
    for kind in (MEMORY, CPU):
        for line in groups:
            _, kinds, path = line.split(":", 2)
            if kind in kinds.split(",") and (folder := _mounted(mounts, "cgroup", kind, path)):
                found[kind] = Hierarchy(folder, unified=False)
            elif not kinds and (folder := _mounted(mounts, "cgroup2", "", path)) and _has(folder, kind):
                found.setdefault(kind, Hierarchy(folder, unified=True))
    return found


def _mounted(mounts: list[str], file_system: str, option: str, path: str) -> Path | None:
    """Return the folder of the group *path* below the mount of its hierarchy; None: it is not to be seen from here."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, point = before.split(" ")[3:5]
        if kind != file_system or (option and option not in options.split(",")):
            continue
        if (path + "/").startswith(root.rstrip("/") + "/"):
            return Path(point) / path[len(root.rstrip("/")) :].lstrip("/")
    return None


def _has(folder: Path, kind: str) -> bool:
    with suppress(OSError):
        return kind in (folder / "cgroup.controllers").read_text().split()
    return False


def _delegate(folder: Path, kind: str) -> None:
    """Let groups below ours have limits; for that no process may be left in ours, so we go a floor down.

    Only where nobody else is in it: whoever started us into a group of our own has meant this.
    """
    switch = folder / "cgroup.subtree_control"
    if kind in switch.read_text().split():
        return
    members = {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
    if members <= {os.getpid(), 1 if os.getppid() == 1 else os.getpid()}:
        (folder / "runner").mkdir(exist_ok=True)
        for pid in members:
            (folder / "runner" / "cgroup.procs").write_text(str(pid))
    switch.write_text(f"+{kind}")


def _make(own: Hierarchy, name: str, kind: str, limit: float) -> Hierarchy:
    folder = own.folder / name
    folder.mkdir(exist_ok=True)
    try:
        for file, text in _files(kind, limit, unified=own.unified).items():
            (folder / file).write_text(text)
        for file, text in _FIRMER.get((kind, own.unified), {}).items():
            with suppress(OSError):  # not every kernel has it
                (folder / file).write_text(text)
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        raise
    return Hierarchy(folder, own.unified)


# Without swap, which would only delay the end; and all processes at once, so that none works on with a part missing.
_FIRMER = {
    (MEMORY, True): {"memory.swap.max": "0", "memory.oom.group": "1"},
    (MEMORY, False): {"memory.swappiness": "0"},
}


def _files(kind: str, limit: float, *, unified: bool) -> dict[str, str]:
    """Return what to write where."""
    if kind == MEMORY:
        return {"memory.max" if unified else "memory.limit_in_bytes": str(int(limit))}
    quota = max(round(limit * _PERIOD_MICROSECONDS), _LEAST_QUOTA_MICROSECONDS)
    if unified:
        return {"cpu.max": f"{quota} {_PERIOD_MICROSECONDS}"}
    return {"cpu.cfs_period_us": str(_PERIOD_MICROSECONDS), "cpu.cfs_quota_us": str(quota)}


def _read_limit(own: Hierarchy, kind: str) -> float:
    if own.unified:
        amount, *period = (own.folder / f"{kind}.max").read_text().split()
        return float("inf") if amount == "max" else int(amount) / (int(period[0]) if period else 1)
    if kind == MEMORY:
        return int((own.folder / "memory.limit_in_bytes").read_text())  # without one, about 2**63
    quota = int((own.folder / "cpu.cfs_quota_us").read_text())
    return float("inf") if quota < 0 else quota / int((own.folder / "cpu.cfs_period_us").read_text())


def _counter_of(own: Hierarchy | None) -> Path:
    """Return the file that counts kills, the closest there is: of the group, else of the whole machine."""
    if own is None:
        return _VMSTAT
    file = own.folder / ("memory.events" if own.unified else "memory.oom_control")
    return file if file.exists() else _VMSTAT


def _kills(counter: Path) -> int:
    with suppress(OSError):
        found = _OOM_KILLS.search(counter.read_text())
        return int(found[1]) if found else 0
    return 0
