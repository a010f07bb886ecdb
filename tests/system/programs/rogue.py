"""A command whose children do everything to outlive it; the first word says how it goes on itself.

leave: ends well. stay: ignores what asks it to end. orphan: kills its launcher, which dies before it.
"""

import os
import signal
import sys
import time

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)


def fork() -> bool:
    """Return whether this is the child; the parent does not wait for it."""
    return os.fork() == 0


def linger(seconds: float) -> None:
    time.sleep(seconds)
    os._exit(0)


if fork():  # in the group of the command, deaf
    linger(1000)
if fork():  # a daemon in a session of its own, its parent gone
    os.setsid()
    if fork():
        linger(1000)
    os._exit(0)
for _ in range(20):  # orphans that end soon after, and whom nobody awaits
    if fork():
        if fork():
            linger(0.5)
        os._exit(0)
for _ in range(20):  # defunct children of a parent that does not wait
    if fork():
        os._exit(0)
os.write(1, b"ready\n")
match sys.argv[1]:
    case "stay":
        linger(1000)
    case "orphan":
        time.sleep(0.2)
        os.kill(os.getppid(), signal.SIGKILL)
        linger(1000)
