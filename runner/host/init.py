"""What the first process of a container owes the others: it reaps orphans and passes signals on.

The runner itself cannot do that: waiting for any child would take the exit of its own launchers from those who wait
for them. So where it is process 1 it goes on as a child, and what stays behind is this loop.

Process 1 is special in two ways: it inherits whoever lost his parent, and the kernel ignores every signal that it
has no handler for; a runner there would not even end on a SIGTERM that comes while it still imports.

Sources: https://man7.org/linux/man-pages/man7/pid_namespaces.7.html,
https://man7.org/linux/man-pages/man2/sigaction.2.html (SI_KERNEL)
"""

from __future__ import annotations

import os
import signal

_SI_KERNEL = 0x80
_SIGNAL = 128

# Ours alone: SIGCHLD, and faults, which are nobody else's. Stopped by a terminal are all processes or none.
_KEPT = frozenset(
    {signal.SIGCHLD, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV}
    | {signal.SIGSYS, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
)


def leave_init_behind() -> None:
    """Where this process is process 1, return in a child of it, and let it serve that child and then end; else return.

    Call it while there is one thread and nothing is open that a fork would share. Process 1 ends with the status of
    the child, or with 128 and the number of the signal that killed it; the kernel then kills what is left.
    """
    if os.getpid() != 1:
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored by whoever started us, it would take the exits away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os._exit(_serve(child))


def _serve(child: int) -> int:
    """Reap and pass on until *child* ends; return the status to end with."""
    awaited = signal.valid_signals()  # all are blocked, so that none comes between two looks
    while True:
        told = signal.sigwaitinfo(awaited)
        if told.si_signo == signal.SIGCHLD:
            if (status := _reap(child)) is not None:
                return status
        # What a terminal sends it sends to its whole foreground group: the child has it already.
        elif told.si_code != _SI_KERNEL and told.si_signo not in _KEPT:
            os.kill(child, told.si_signo)


def _reap(child: int) -> int | None:
    """Reap whoever ended, since one SIGCHLD may stand for several; return the status when *child* was among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)  # there is one to wait for: the child
        if pid == 0:
            return None
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else _SIGNAL - code
