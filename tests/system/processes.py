"""Finding the processes of a job, and waiting for what happens outside of this one."""

import time
from collections.abc import Callable
from pathlib import Path

MARK = "TEST_MARK"  # a variable that children inherit


def alive(mark: str) -> list[int]:
    """Return the processes, defunct ones aside, that carry *mark* in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it ended, or is not ours to look at
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as *condition* holds; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
