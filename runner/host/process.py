"""Runs one command to its end: fed, heard, stoppable, and with nothing left of it afterwards."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import trio

from runner.host.cgroups import Cgroups, Group
from runner.host.child import Child, LauncherDied
from runner.host.lines import LineSplitter
from runner.host.redact import Redactor
from runner.host.signals import Stop
from runner.model.job import ProcessExit

if TYPE_CHECKING:
    from runner.host.launch import Plan

_PIPE_BYTES = 16 * 1024  # so little, since what lies in it is late by as long as it takes to tell many short lines
_INT_BYTES = 4  # what FIONREAD fills in
_LITTLE_BYTES = 4096
_GATHER_SECONDS = 0.005  # until a pipe is read again that gave little: lines one by one cost ten times as much
_BURIAL_SECONDS = 10.0  # the launcher gives itself half of that

OnLines = Callable[[str, Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the machine permits.

    Attributes:
        namespaces: For process ids and mounts.
        user_namespace: Is needed for these.
        root: A folder may be shown at the root where there is none.
    """

    namespaces: bool = False
    user_namespace: bool = False
    root: bool = False


NO_ISOLATION = Isolation()
_NEW_AT_ROOT = "/.runner-tries-a-folder"


@dataclass(frozen=True, slots=True)
class User:
    """Whom a command runs as, and where he is at home."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = "/"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the world that it finds.

    Attributes:
        argv: No shell; the first is looked up in the PATH of *environment*.
        environment: The whole of it.
        stdin: What it reads; None: /dev/null.
        working_dir: Empty: the runner's own.
        user: None: the runner's own.
        mounts: Pairs of source and target folder, where *isolation* has namespaces.
        limits: Of each process: soft and hard limit by number of the `resource` module.
        shared: Of all together: bytes of memory and number of processors, by the names of `runner.host.cgroups`.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: bytes | None = None
    working_dir: str = ""
    user: User | None = None
    isolation: Isolation = NO_ISOLATION
    mounts: tuple[tuple[str, str], ...] = ()
    limits: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        leftovers: Names of the first few processes that it left behind and that were killed.
        oom_kills: How many processes the kernel killed meanwhile for want of memory; where the command has no group of
            its own, they may have been others that share ours.
    """

    exit: ProcessExit
    leftovers: tuple[str, ...]
    oom_kills: int = 0


async def run_process(
    command: Command,
    on_lines: OnLines,
    *,
    redactor: Redactor,
    grace_seconds: float,
    stop: Stop | None = None,
    cgroups: Cgroups | None = None,
) -> Ended:
    """Run *command* until it ends, and end all that it started.

    Args:
        command: What to run.
        on_lines: Awaited with ``stdout`` or ``stderr`` and some lines; a command that writes faster is held up.
        redactor: Takes secrets out of the lines.
        grace_seconds: Between SIGTERM to the command's process group and SIGKILL to everything.
        stop: Asked once: SIGTERM, and SIGKILL after the grace; asked again: SIGKILL at once.
        cgroups: Where the shared limits are held; None: those of this machine.

    Returns:
        The exit of the command itself, whatever its leftovers did.

    Raises:
        CouldNotStart: (Invalid) nothing ran.
        CannotLaunch: (Unavailable) the machine gives no more processes or descriptors.
        LauncherDied: (Unavailable) something killed the launcher, and with it the command.
        CannotLimit: (Unavailable) there is no group for the shared limits.
        Whatever *on_lines* raises, in a group.

    Cancellation: as *stop*, shielded for the grace.
    """
    with (cgroups or Cgroups()).open(command.shared) as group:
        child = await _run(
            command, on_lines, group, redactor=redactor, grace_seconds=grace_seconds, stop=stop or Stop()
        )
        oom_kills = group.oom_kills
    if child.failure is not None:
        raise child.failure
    if child.exit is None:
        raise LauncherDied("the launcher was killed, and with it the command")
    return Ended(child.exit, child.leftovers, oom_kills)


async def _run(
    command: Command, on_lines: OnLines, group: Group, *, redactor: Redactor, grace_seconds: float, stop: Stop
) -> Child:
    """See one command from its start to its burial."""
    child = Child(has_stdin=command.stdin is not None)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hear, child, on_lines, redactor)
            try:
                await child.start(_plan(command, group))
                nursery.start_soon(child.feed, command.stdin or b"")
                await _first(child.exited, stop.asked)
            finally:
                with trio.move_on_after(grace_seconds + _BURIAL_SECONDS, shield=True):
                    await _end(child, grace_seconds, stop)
                nursery.cancel_scope.cancel()  # of what is left only `_hear` goes on, for a moment
    finally:
        with trio.CancelScope(shield=True):
            await child.aclose()
    return child


async def find_isolation() -> Isolation:
    """Try the namespaces in a child that does nothing else, and return what the machine permits."""
    if sys.platform != "linux":
        return NO_ISOLATION
    wanted = Isolation(namespaces=True, user_namespace=os.geteuid() != 0)
    if await _is_permitted(wanted, ("/proc", _NEW_AT_ROOT)):
        return replace(wanted, root=True)
    return wanted if await _is_permitted(wanted) else NO_ISOLATION


async def _is_permitted(isolation: Isolation, *mounts: tuple[str, str]) -> bool:
    child = Child(has_stdin=False)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.listen)
            await child.start(_plan(Command((), {}, isolation=isolation, mounts=mounts), Group()))
            await child.gone.wait()
    finally:
        with trio.CancelScope(shield=True):
            await child.aclose()
    return not child.failure


def _plan(command: Command, group: Group) -> Plan:
    user = command.user
    return {
        "argv": list(command.argv),
        "environment": dict(command.environment),
        "working_dir": command.working_dir,
        "user": (user.uid, user.gid, list(user.groups)) if user else None,
        "namespaces": command.isolation.namespaces,
        "user_namespace": command.isolation.user_namespace,
        "mounts": list(command.mounts),
        "limits": [(number, soft, hard) for number, (soft, hard) in command.limits.items()],
        "groups": list(group.members),
    }


async def _end(child: Child, grace_seconds: float, stop: Stop) -> None:
    """See the command and everything below it dead, politely first."""
    if not child.exited.is_set():
        await child.signal(signal.SIGTERM)
        await child.signal(signal.SIGCONT)  # one that is stopped would not hear it
        with trio.move_on_after(grace_seconds):
            await _first(child.exited, stop.again)
        await child.signal(signal.SIGKILL)
    await child.gone.wait()


async def _hear(child: Child, on_lines: OnLines, redactor: Redactor) -> None:
    """Take reports and output to their end, also while a cancelled command is given its grace."""
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.listen)
            for name, stream in (("stdout", child.stdout), ("stderr", child.stderr)):
                nursery.start_soon(_pump, name, stream, child.gone, on_lines, redactor)


async def _pump(
    name: str, stream: trio.lowlevel.FdStream, gone: trio.Event, on_lines: OnLines, redactor: Redactor
) -> None:
    """Pass lines on until the end of *stream*, or of what lies in it when nobody of ours holds it any more."""
    if sys.platform == "linux":
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    splitter = LineSplitter(redactor)
    async with trio.open_nursery() as nursery:
        rest = _Rest(stream)
        nursery.start_soon(rest.measure_after, gone)
        while data := await rest.receive():
            if lines := splitter.feed(data):
                await on_lines(name, lines)
            if len(data) < _LITTLE_BYTES:
                with trio.move_on_after(_GATHER_SECONDS):
                    await gone.wait()
        nursery.cancel_scope.cancel()
    if lines := splitter.close():
        await on_lines(name, lines)


class _Rest:
    """What is still to be read of a pipe: no wait for more once nothing of the command is left, and nothing lost."""

    def __init__(self, stream: trio.lowlevel.FdStream) -> None:
        self._stream = stream
        self._scope = trio.CancelScope()
        self._left: int | None = None

    async def measure_after(self, event: trio.Event) -> None:
        """After *event* take what lies in the pipe for all that comes: a stranger may hold it, and for ever."""
        await event.wait()
        size = fcntl.ioctl(self._stream.fileno(), termios.FIONREAD, bytes(_INT_BYTES))
        self._left = int.from_bytes(size, sys.byteorder)
        self._scope.cancel()

    async def receive(self) -> bytes | bytearray:
        """Return some bytes; none at the end."""
        data: bytes | bytearray = b""
        if self._left is None:
            with trio.CancelScope() as self._scope:
                data = await self._stream.receive_some(_PIPE_BYTES)
                if self._left is None:
                    return data
        if not data and self._left:
            data = await self._stream.receive_some(min(self._left, _PIPE_BYTES))
        self._left = (self._left or 0) - len(data)
        return data


async def _first(*events: trio.Event) -> None:
    """Wait for whichever comes first."""
    async with trio.open_nursery() as nursery:
        for event in events:

            async def wait(event: trio.Event = event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait)
