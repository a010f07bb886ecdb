"""The environment that this process was given, without what its interpreter added."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_GIVEN = Path("/proc/self/environ")  # the kernel's view: what was given at the start, whatever was set since
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")


def inherited_environment() -> Mapping[str, str]:
    """Return what a child inherits.

    Where no locale is set Python sets LC_CTYPE, for itself and for every child. That is no choice of ours to make for a
    command: its locale may not have that name, and Perl and bash then complain at each start.

    Source: https://peps.python.org/pep-0538/
    """
    environment = dict(os.environ)
    if environment.get("LC_CTYPE") in _COERCED and not _was_given(b"LC_CTYPE"):
        del environment["LC_CTYPE"]
    return environment


def _was_given(name: bytes) -> bool:
    """Say whether a variable was there at the start; where nothing tells, it was."""
    try:
        given = _GIVEN.read_bytes()
    except OSError:
        return True
    return any(variable.startswith(name + b"=") for variable in given.split(b"\0"))
