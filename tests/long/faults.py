"""Runs `runner` so that one of its calls that change the store's folder goes wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_NAMED = re.compile(r"(?<=/)[0-9a-f]{2}(?=/)|[0-9a-f]{8,}")
"""What names one file of many."""
LOOK = "look"
"""The first word of an order that is no command: the name of a function of `tests.long.seen` and a store follow."""


class How(IntEnum):
    """What happens at the chosen call; the numbers are those of `fault.c`."""

    COUNT = 0
    KILL = 1
    """SIGKILL before it."""
    TEAR = 2
    """SIGKILL in the middle of a write, or right after what has no middle."""
    FAIL = 3
    """It fails, the later ones work."""
    FAIL_ON = 4
    """It fails, and so do all later ones."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run of `runner`.

    Attributes:
        words: Of the command.
        folder: Where calls count.
        stdout: Its standard output, a file or a pipe by name.
        stderr: Its standard error, a file.
        variables: Added to its environment.
        how: What goes wrong.
        number: Of the call, from 1.
        error: Of a call that fails.
        port: What it sends to this one counts too; 0: nothing does.
    """

    words: Sequence[str]
    folder: str
    stdout: str
    stderr: str
    variables: Mapping[str, str] = field(default_factory=dict)
    how: How = How.COUNT
    number: int = 0
    error: int = errno.EIO
    port: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended.

    Attributes:
        status: Its own; of one that was killed minus the signal.
        calls: How many calls were counted; 0 when it was killed.
        called: What failed.
        seen: Each call that was only counted: its name and its file.
    """

    status: int
    calls: int = 0
    called: str = ""
    seen: Sequence[str] = ()

    def turns(self, first: int = 1) -> list[int]:
        """Choose calls, from *first* on: of those that do the same to the same kind of file in turn, both ends."""
        kinds = [_NAMED.sub("*", call) for call in self.seen]
        return [
            at + 1
            for at, kind in enumerate(kinds)
            if at + 1 >= first and not (at > 0 and kinds[at - 1] == kind == (*kinds, "")[at + 1])
        ]


def build_library(folder: Path) -> Path:
    """Compile what is preloaded."""
    compiler = shutil.which("cc")
    assert compiler is not None, "this lane needs a C compiler: cc"
    library = folder / "fault.so"
    source = HERE / "programs" / "fault.c"
    words = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"]
    subprocess.run(words, check=True)
    return library


class Victims:
    """Runs of `runner`, one after another, until the block ends."""

    def __init__(self, library: Path, home: Path) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RUNNER_"))}
        variables |= {"LD_PRELOAD": str(library), "HOME": str(home), "RUNNER_LOG_FORMAT": "plain", "TMPDIR": str(home)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.long.programs.victims"],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def begin(self, order: Order) -> int:
        """Start one and return its process id."""
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> End:
        """Wait for the end of the one that was started last."""
        return End(**json.loads(self._process.stdout.readline()))

    def run(self, order: Order) -> End:
        """Run one to its end."""
        self.begin(order)
        return self.end()
