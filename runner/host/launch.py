"""The launcher: the small process between the runner and the user's command.

Run as ``python -I -S launch.py FD`` with nothing but built-in modules, because it stands in the way
of every command. It is single-threaded, as `fork` and `unshare` want it, and it is
not the runner, so that the death of the runner at any instant still leaves somebody to clean up. It is
one file, because run so it would find no other:

    runner ── control socket ── launcher ── fork ── command
                                 │ in namespaces of its own: launcher ── fork ── init (PID 1) ── fork ── command
                                 └ elsewhere: the launcher adopts orphans itself (subreaper)

On the socket come one frame, the plan, and then single bytes, each a signal for the command's process group;
SIGKILL goes to everything that descends from the command. The end of the stream means that the runner is gone,
and everything is killed. Back go frames, each four bytes of length and a marshalled tuple:

    ("failed", step, errno, detail)       nothing runs; *step* says what could not be done
    ("started",)                          the command was executed
    ("exited", status, user, system, rss) the wait status as the kernel gave it, usage as `wait4` did
    ("ended", names)                      what the command left behind was killed; names of the first few

Marshal is safe here: both ends are one interpreter and nobody else holds the socket.

Sources: https://man7.org/linux/man-pages/man7/pid_namespaces.7.html,
https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html,
https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
"""

# ruff: noqa: PTH102, PTH103, PTH109, PTH110, PTH112, PTH113, PTH114, PTH115, PTH118, PTH120, PTH208, PTH211  # pathlib costs
# ruff: noqa: SIM105  # more than all we import, and so does contextlib
# ruff: noqa: S302  # marshal: see above
from __future__ import annotations

import errno
import marshal
import os
import select
import sys
import time

TYPE_CHECKING = False  # as in typing, whose import alone would cost 8 ms
if TYPE_CHECKING:
    import ctypes
    import signal
    from collections.abc import Iterator
    from typing import NoReturn, TypedDict

    class Plan(TypedDict):
        """What to do; plain values, so that it can be marshalled.

        Attributes:
            argv: The command; empty: only try whether the namespaces are permitted.
            environment: Replaces the whole environment.
            working_dir: Empty: the launcher's own.
            user: uid, gid and supplementary groups to become; None: stay.
            namespaces: Process ids and mounts of its own.
            user_namespace: With *namespaces*, what lets an ordinary user have them.
            mounts: Pairs of source and target, bound in this order; sources are looked up before the first.
                A target that is missing is made: it lies in a folder that an earlier pair bound, or at the root.
            limits: Resource number, soft and hard limit.
            groups: Files of control groups that a process writes ``0`` to, to join.
        """

        argv: list[str]
        environment: dict[str, str]
        working_dir: str
        user: tuple[int, int, list[int]] | None
        namespaces: bool
        user_namespace: bool
        mounts: list[tuple[str, str]]
        limits: list[tuple[int, int, int]]
        groups: list[str]

else:
    import _signal as signal  # the public module costs 12 ms, half of our start

FRAME_HEAD_BYTES = 4
LEFTOVERS_NAMED = 10
_LEFTOVERS_SECONDS = 5.0
_RESCAN_MILLISECONDS = 50
_OOM_SCORE, _OOM_SCORE_MOST = 200, 1000  # thousandths of the memory there is: more than the runner may hold

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_MOVE, _MS_REC = (
    1,
    2,
    4,
    8,
    32,
    4096,
    8192,
    16384,
)
_MS_UNBINDABLE, _MS_SLAVE = 1 << 17, 1 << 19

_IS_LINUX = sys.platform == "linux"
# What python ignores, and what a shell may have made us ignore; a command must find the usual behaviour.
_RESET = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ, signal.SIGCHLD)


class Failed(Exception):
    """A step of the preparation could not be done."""

    def __init__(self, step: str, number: int, detail: str = "") -> None:
        super().__init__(step)
        self.report = ("failed", step, number, detail)


def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _call(step: str, name: str, *arguments: object, detail: str = "") -> None:
    """Call a function of the C library; raise with its errno."""
    import ctypes

    if getattr(_libc(), name)(*arguments) != 0:
        raise Failed(step, ctypes.get_errno(), detail)


def _die_with_parent() -> None:
    """Have the kernel kill us when the parent dies; cleared by a change of user, so set after it."""
    if _IS_LINUX:
        _call("death signal", "prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _read(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(fd, size - len(data))
        if not piece:
            os._exit(0)  # the runner is gone before anything was started
        data += piece
    return data


def _report(fd: int, report: tuple[object, ...]) -> None:
    body = marshal.dumps(report)  # type: ignore[arg-type]  # a tuple of plain values
    frame = len(body).to_bytes(FRAME_HEAD_BYTES, "big") + body
    try:
        while frame:
            frame = frame[os.write(fd, frame) :]
    except OSError:
        pass  # the runner is gone; the control loop will see it too


# Namespaces


def _enter_namespaces(*, user_namespace: bool) -> None:
    uid, gid = os.getuid(), os.getgid()
    flags = _CLONE_NEWPID | _CLONE_NEWNS | (_CLONE_NEWUSER if user_namespace else 0)
    _call("namespaces", "unshare", flags)
    if user_namespace:
        # Identity of the one user, so that files belong to whom they belonged before.
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(fd, text.encode())
            os.close(fd)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    names = os.fsencode(source), os.fsencode(target), os.fsencode(kind)
    _call("mount", "mount", *names, flags, options.encode() or None, detail=target)


def _make_like(source: str, target: str) -> None:
    """Make an empty folder or file for *source* to be bound over."""
    if os.path.isdir(source):
        os.makedirs(target, 0o755)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _renew_root(folders: list[str]) -> None:
    """Go into a root of our own with all that the machine's has, and *folders* besides: there none could be made.

    Itself it is read-only, so that nobody writes there what would vanish with it.
    """
    entries = [(name, os.open(f"/{name}", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)) for name in os.listdir("/")]
    links = {name: os.readlink(f"/{name}") for name, _ in entries if os.path.islink(f"/{name}")}
    root = next(f"/{name}" for name, _ in entries if name not in links and name != "proc" and os.path.isdir(f"/{name}"))
    try:
        here = os.getcwd()
    except FileNotFoundError:
        here = "/"
    _mount("none", root, "tmpfs", 0, "mode=755")
    _mount("none", root, "", _MS_UNBINDABLE)  # it is not to be found within itself
    for name, fd in entries:
        if name in links:
            os.symlink(links[name], f"{root}/{name}")
        else:
            _make_like(f"/proc/self/fd/{fd}", f"{root}/{name}")
            _mount(f"/proc/self/fd/{fd}", f"{root}/{name}", "", _MS_BIND | _MS_REC)
        os.close(fd)
    for folder in folders:
        os.mkdir(f"{root}{folder}", 0o755)
    os.chdir(root)
    _mount(".", "/", "", _MS_MOVE)
    os.chroot(".")
    os.chdir(here)
    _mount("none", "/", "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def _set_mounts(mounts: list[tuple[str, str]]) -> None:
    """Bind what the plan says, in a mount namespace that the machine does not see; last a fresh /proc."""
    _mount("none", "/", "", _MS_REC | _MS_SLAVE)
    sources = [os.open(source, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_PATH", 0)) for source, _ in mounts]
    missing = [target for _, target in mounts if os.path.dirname(target) == "/" and not os.path.lexists(target)]
    if missing:
        _renew_root(missing)
    for fd, (_, target) in zip(sources, mounts, strict=True):
        if not os.path.lexists(target):  # below a folder that was just bound
            _make_like(f"/proc/self/fd/{fd}", target)
        _mount(f"/proc/self/fd/{fd}", target, "", _MS_BIND | _MS_REC)
        os.close(fd)
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


# The command


def _find(name: str, path: str) -> str:
    """Return the file to execute, as a shell would find it, and say precisely why there is none."""
    if "/" in name:
        return name
    refused = False
    for folder in path.split(os.pathsep):
        file = os.path.join(folder or ".", name)
        if os.path.isfile(file):
            if os.access(file, os.X_OK):
                return file
            refused = True
    raise Failed("find", errno.EACCES if refused else errno.ENOENT, name)


def _join(group: str) -> None:
    fd = os.open(group, os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, b"0")
    os.close(fd)


def _offer_for_killing() -> None:
    """Have the kernel, short of memory, kill the command rather than the runner, who is then there to say so.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
    """
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # no Linux, or no /proc
    try:
        score = min(int(os.read(fd, 16)) + _OOM_SCORE, _OOM_SCORE_MOST)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, str(score).encode())
    finally:
        os.close(fd)


def _become(plan: Plan, parent: int) -> NoReturn:
    """Turn this fresh child into the command."""
    step = "session"
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        step = "groups"
        for file in plan["groups"]:
            _join(file)
        _offer_for_killing()
        if plan["limits"]:
            import resource

            step = "limits"
            for kind, soft, hard in plan["limits"]:
                resource.setrlimit(kind, (soft, hard))
        step = "user"
        if plan["user"] is not None:
            uid, gid, groups = plan["user"]
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
        step = "working_dir"
        if plan["working_dir"]:
            os.chdir(plan["working_dir"])
        _die_with_parent()
        if os.getppid() != parent:
            os._exit(127)
        environment = plan["environment"]
        file = _find(plan["argv"][0], environment.get("PATH", os.defpath))
        step = "interpreter" if os.path.exists(file) else "execute"  # what ENOENT will mean
        os.execve(file, plan["argv"], environment)  # noqa: S606  # no shell: that is the point
    except OSError as exc:
        raise Failed(step, exc.errno or 0, str(exc.filename or "")) from exc
    except ValueError as exc:  # a NUL or a `=` where none may be
        raise Failed(step, 0, str(exc)) from exc


def _start(plan: Plan, fd: int) -> int:
    """Fork the command and return its process id once it runs.

    A pipe that `execve` closes tells both apart: the end of it means started, bytes mean why not. So
    the failure to start is never confused with a status of the command itself.
    """
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(fd)
        try:
            _become(plan, parent)
        except Failed as exc:
            os.write(writing, marshal.dumps(exc.report))
        os._exit(127)
    os.close(writing)
    failure = b"".join(iter(lambda: os.read(reading, 65536), b""))
    os.close(reading)
    if failure:
        os.waitpid(child, 0)
        report = marshal.loads(failure)
        raise Failed(*report[1:])
    return child


# What the command leaves behind


def _processes() -> Iterator[tuple[int, int, str, str]]:
    """Yield process id, parent's, state and name of all that /proc shows."""
    for entry in os.listdir("/proc") if _IS_LINUX else ():
        if not entry.isdecimal():
            continue
        try:
            fd = os.open(f"/proc/{entry}/stat", os.O_RDONLY)
        except OSError:
            continue  # it ended meanwhile
        try:
            head, _, tail = os.read(fd, 4096).decode(errors="replace").rpartition(")")
        except OSError:
            continue
        finally:
            os.close(fd)
        state, parent = tail.split()[:2]
        yield int(entry), int(parent), state, head.partition("(")[2]


class Family:
    """Everything that descends from the command, which is the leader of its group."""

    def __init__(self, leader: int, *, own_namespace: bool) -> None:
        self._leader = leader
        self._own_namespace = own_namespace

    def signal(self, number: int) -> None:
        """Send to the command's group, or SIGKILL to every descendant; not after the command was reaped."""
        _kill(-self._leader, number)  # its process id is not yet another's
        if number == signal.SIGKILL:
            self.kill()

    def kill(self) -> None:
        """Kill every descendant that can be found."""
        if self._own_namespace:
            _kill(-1, signal.SIGKILL)
        elif _IS_LINUX:
            for pid, _, _ in self._descendants():
                _kill(pid, signal.SIGKILL)
        else:  # no orphan comes to us there; the group is all that is known
            _kill(-self._leader, signal.SIGKILL)

    def _descendants(self) -> list[tuple[int, str, str]]:
        """Return those that live or were not reaped; orphans hang below us, wherever they hung before."""
        children: dict[int, list[tuple[int, str, str]]] = {}
        for pid, parent, state, name in _processes():
            children.setdefault(parent, []).append((pid, state, name))
        found: list[tuple[int, str, str]] = []
        pending = [os.getpid()]
        while pending:
            below = children.get(pending.pop(), [])
            found += below
            pending += [pid for pid, _, _ in below]
        return found

    def names(self) -> list[str]:
        """Return the names of the first few that live."""
        return [name for _, state, name in self._descendants() if state not in "ZX"][:LEFTOVERS_NAMED]


def _kill(target: int, number: int) -> None:
    try:
        os.kill(target, number)
    except OSError:
        pass  # it ended meanwhile


def _bury(family: Family, wake: int) -> list[str]:
    """Kill and reap all that is left, within a limit; return the names of the first few."""
    names = family.names()
    poller = select.poll()
    poller.register(wake, select.POLLIN)
    end = time.monotonic() + _LEFTOVERS_SECONDS
    while time.monotonic() < end:
        family.kill()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
        # SIGCHLD wakes us; the limit is for a child that forked while we looked.
        if poller.poll(_RESCAN_MILLISECONDS):
            os.read(wake, 4096)
    return names


def _reap(child: int) -> tuple[object, ...] | None:
    """Reap whoever ended; return the report when it was the command."""
    report: tuple[object, ...] | None = None
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return report
        if pid == 0:
            return report
        if pid == child:
            report = ("exited", status, usage.ru_utime, usage.ru_stime, usage.ru_maxrss)


def _supervise(plan: Plan, fd: int, *, own_namespace: bool) -> None:
    """Start the command, pass signals on, reap; end when it ended and nothing of it is left."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = _start(plan, fd)
    _report(fd, ("started",))
    _let_go_of_streams()
    family = Family(child, own_namespace=own_namespace)
    poller = select.poll()
    poller.register(wake, select.POLLIN)
    poller.register(fd, select.POLLIN)
    ended: tuple[object, ...] | None = None
    while ended is None:
        for ready, _ in poller.poll():
            if ready == wake:
                os.read(wake, 4096)
                ended = _reap(child) or ended
                continue
            numbers = os.read(fd, 64)
            if not numbers:
                _bury(family, wake)
                os._exit(0)
            for number in numbers if ended is None else ():
                family.signal(number)
    _report(fd, ended)
    _report(fd, ("ended", _bury(family, wake)))


def _let_go_of_streams() -> None:
    """Leave the pipes to the command alone, so that they end with it."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def _run(plan: Plan, fd: int) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # what ends us is the socket and the death of the parent
    if plan["namespaces"]:
        _enter_namespaces(user_namespace=plan["user_namespace"])
        _die_with_parent()  # and init with us, and everything with init
        init = os.fork()
        if init:
            os.close(fd)
            _let_go_of_streams()
            os.waitpid(init, 0)
            os._exit(0)
        _die_with_parent()
        _set_mounts(plan["mounts"])
    elif _IS_LINUX:
        # We survive the runner, to kill what the kernel does not: the command's children.
        _call("subreaper", "prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if plan["argv"]:
        _supervise(plan, fd, own_namespace=plan["namespaces"])
    else:
        _report(fd, ("started",))


def main() -> NoReturn:
    """Read the plan from the control socket and carry it out."""
    fd = int(sys.argv[1])
    os.set_inheritable(fd, False)
    size = int.from_bytes(_read(fd, FRAME_HEAD_BYTES), "big")
    plan: Plan = marshal.loads(_read(fd, size))
    try:
        _run(plan, fd)
    except Failed as exc:
        _report(fd, exc.report)
    except OSError as exc:
        _report(fd, ("failed", "launcher", exc.errno or 0, str(exc)))
    os._exit(0)


if __name__ == "__main__":
    main()
