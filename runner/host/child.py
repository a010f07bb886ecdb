"""The runner's end of the launcher: pipes, the control socket, and what is said on it."""

from __future__ import annotations

import errno
import marshal
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from runner.host.launch import FRAME_HEAD_BYTES
from runner.model.errors import Invalid, Unavailable
from runner.model.job import ProcessExit, ResourceUsage

if TYPE_CHECKING:
    from runner.host.launch import Plan

_LAUNCHER = Path(__file__).with_name("launch.py")
_RECEIVE_BYTES = 64 * 1024
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class CouldNotStart(Invalid):
    """The command did not run at all: not found, not executable, no such user or folder."""


class CannotLaunch(Unavailable):
    """The machine gives no more processes or descriptors."""


class LauncherDied(Unavailable):
    """Something killed the launcher before it could say how the command ended."""


class Child:
    """A launcher and, once it has a plan, the command below it.

    Attributes:
        stdout: What the command and its children write.
        stderr: The same.
        settled: Set when the command runs, or when it is known that it will not.
        exited: Set when the command itself ended.
        gone: Set when nothing of it is left.
        exit: How it ended, after *exited*.
        failure: Why nothing runs, after *settled*.
        leftovers: Names of the first few processes that it left behind, after *gone*.
    """

    def __init__(self, *, has_stdin: bool) -> None:
        """Start the launcher; raises `CannotLaunch`."""
        self.settled, self.exited, self.gone = trio.Event(), trio.Event(), trio.Event()
        self.exit: ProcessExit | None = None
        self.failure: CouldNotStart | None = None
        self.leftovers: tuple[str, ...] = ()
        with ExitStack() as ours, ExitStack() as theirs:  # ends of the child, closed here, and ours, if nothing starts
            try:
                control, control_of_child = socket.socketpair()
                ours.callback(control.close)
                theirs.callback(control_of_child.close)
                stdout, stdout_of_child = _pipe(ours, theirs)
                stderr, stderr_of_child = _pipe(ours, theirs)
                stdin_of_child, stdin = _pipe(theirs, ours) if has_stdin else (subprocess.DEVNULL, None)
                # Not trio's own start: it forks in a worker thread, and Linux takes the end of that thread for the
                # death of the parent. https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
                self._popen = subprocess.Popen(  # noqa: S603  # our own file, in our own interpreter
                    [sys.executable, "-I", "-S", str(_LAUNCHER), str(control_of_child.fileno())],
                    stdin=stdin_of_child,
                    stdout=stdout_of_child,
                    stderr=stderr_of_child,
                    pass_fds=[control_of_child.fileno()],
                    env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                    start_new_session=True,
                )
            except OSError as exc:
                raise CannotLaunch(f"no command can be started now: {exc.strerror}") from exc
            ours.pop_all()
        self._control = trio.SocketStream(trio.socket.from_stdlib_socket(control))
        self._stdin = None if stdin is None else trio.lowlevel.FdStream(stdin)
        self.stdout = trio.lowlevel.FdStream(stdout)
        self.stderr = trio.lowlevel.FdStream(stderr)

    async def start(self, plan: Plan) -> None:
        """Hand *plan* over and wait until the command runs or is known not to; `listen` must be running."""
        body = marshal.dumps(plan)  # type: ignore[arg-type]  # plain values
        await self._send(len(body).to_bytes(FRAME_HEAD_BYTES, "big") + body)
        await self.settled.wait()

    async def feed(self, data: bytes) -> None:
        """Write *data* to standard input and close it; a command need not read it all."""
        if self._stdin is None:
            return
        async with self._stdin as stdin:
            try:
                await stdin.send_all(data)
            except trio.BrokenResourceError:
                return

    async def signal(self, number: int) -> None:
        """Send to the command's process group; SIGKILL goes to everything that descends from it."""
        await self._send(bytes([number]))

    async def listen(self) -> None:
        """Take the launcher's reports until its end."""
        data = b""
        while piece := await self._receive():
            data += piece
            while len(data) >= FRAME_HEAD_BYTES:
                end = FRAME_HEAD_BYTES + int.from_bytes(data[:FRAME_HEAD_BYTES], "big")
                if len(data) < end:
                    break
                self._take(*marshal.loads(data[FRAME_HEAD_BYTES:end]))  # noqa: S302  # our own launcher wrote it
                data = data[end:]
        for event in (self.settled, self.exited, self.gone):
            event.set()

    async def aclose(self) -> None:
        """Let go of everything; what still lives of the command dies with the launcher."""
        for stream in (self._stdin, self.stdout, self.stderr, self._control):
            if stream is not None:
                await trio.aclose_forcefully(stream)
        if not self.gone.is_set():
            self._popen.kill()
        await trio.to_thread.run_sync(self._popen.wait)

    def _take(self, event: str, *values: Any) -> None:
        if event == "failed":
            self.failure = _explain(*values)
        elif event == "exited":
            status, user_seconds, system_seconds, max_rss = values
            usage = ResourceUsage(user_seconds, system_seconds, max_rss * _RSS_UNIT_BYTES)
            code = os.waitstatus_to_exitcode(status)
            self.exit = ProcessExit(status=code, signal=None, usage=usage)
            if code < 0:
                self.exit = ProcessExit(status=None, signal=-code, usage=usage)
            self.exited.set()
        elif event == "ended":
            self.leftovers = tuple(values[0])
        self.settled.set()

    async def _send(self, data: bytes) -> None:
        try:
            await self._control.send_all(data)
        except trio.BrokenResourceError:
            return  # the launcher has ended; `listen` says so

    async def _receive(self) -> bytes | bytearray:
        try:
            return await self._control.receive_some(_RECEIVE_BYTES)
        except trio.BrokenResourceError:
            return b""


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """Make a pipe, each end closed by its owner's stack."""
    reading, writing = os.pipe()
    reader.callback(os.close, reading)
    writer.callback(os.close, writing)
    return reading, writing


def _explain(step: str, number: int, detail: str) -> CouldNotStart:
    """Say in one sentence why nothing runs."""
    message, hint = f"{detail or step}: {os.strerror(number)}" if number else detail, ""
    match step, number:
        case "find", errno.ENOENT:
            message, hint = f"{detail}: not found on PATH", "give its full path or install it"
        case (("find" | "interpreter"), errno.EACCES):
            message, hint = f"{detail}: not executable", f"chmod +x {detail}, or name its interpreter"
        case "interpreter", errno.ENOENT:
            message, hint = f"{detail}: its interpreter does not exist", "look at its first line"
        case "interpreter", errno.ENOEXEC:
            message, hint = f"{detail}: not a program of this machine", "a script needs a #! line"
        case "working_dir", _:
            message, hint = f"working_dir {message}", "it is taken from the root of the file system; make it or drop it"
        case "interpreter", errno.ETXTBSY:
            message, hint = f"{detail}: somebody has it open for writing", "close it, or write a copy and rename that"
        case "launcher", _:
            message = f"could not be launched: {os.strerror(number)}"
        case "limits" | "groups", _:
            message, hint = f"could not set its limits: {os.strerror(number)}", '[job] limits = "off" sets none'
        case "user", _:
            message, hint = f"could not change the user: {os.strerror(number)}", "this needs root"
    return CouldNotStart(message, hint=hint)
