"""Forks `runner` for each line of input, and lets one of its calls on the store's folder go wrong.

What is imported once serves all of them. It runs with the library built of `fault.c` preloaded; a line is the JSON of
a `tests.long.faults.Order`, the answer to it that of a `tests.long.faults.End`.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from runner.cli.app import execute
from runner.cli.options import Options
from runner.store.collect import packs
from tests.long import seen
from tests.long.faults import LOOK

# What the commands import where they use it, so that the forked ones need not.
MODULES = """
    alembic.command runner.cli.branch runner.cli.commit runner.cli.daemon runner.cli.documents runner.cli.file
    runner.cli.finishing runner.cli.looks runner.cli.progress runner.cli.repo runner.cli.run runner.cli.serve
    runner.cli.store runner.cli.summary runner.cli.tables runner.cli.world runner.store.catalog.migrate
    runner.store.check runner.store.collect runner.store.files.importing runner.supervisor.serve rich.text
"""

library = ctypes.CDLL(None)
library.fault_arm.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_int]
library.fault_calls.restype = ctypes.c_long
library.fault_called.restype = ctypes.c_char_p
library.fault_seen.restype = ctypes.c_char_p


def run(order: Mapping[str, Any]) -> int:
    """Be one `runner`, in a process of its own; return its status."""
    for number, path in ((1, order["stdout"]), (2, order["stderr"])):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # stdout may be a pipe by name
        os.dup2(fd, number)
        os.close(fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(order["variables"])
    if order["words"][0] == LOOK:
        return look(*order["words"][1:])
    library.fault_arm(order["folder"].encode(), order["how"], order["number"], order["error"], order["port"])
    status = execute(order["words"], Options())
    sys.stdout.flush()
    return status


def look(how: str, folder: str) -> int:
    """Look at a store with a function of `tests.long.seen`, and print what is wrong and what was seen, pickled."""
    packs.ORPHAN_SECONDS = 0  # else a file without a row is spared, since its row may be on its way
    answer = seen.judge(getattr(seen, how), Path(folder))
    sys.stdout.buffer.write(pickle.dumps(answer))
    sys.stdout.flush()
    return 0


def main() -> None:
    for name in MODULES.split():
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            status = 1
            try:
                status = run(order)
                seen = library.fault_seen().decode(errors="replace").splitlines()
                said = {"calls": library.fault_calls(), "called": library.fault_called().decode(), "seen": seen}
                os.write(writing, json.dumps(said).encode())
            finally:
                os._exit(status)
        os.close(writing)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        with os.fdopen(reading) as said:
            told = said.read()
        _, status = os.waitpid(child, 0)
        answer = {"status": os.waitstatus_to_exitcode(status)} | json.loads(told or "{}")
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
