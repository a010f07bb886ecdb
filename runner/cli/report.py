"""Errors to one clear sentence and an exit status: the border where nothing is passed on."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from runner.cli.words import visible
from runner.model.errors import Conflict, Corrupt, Invalid, NotFound, RunnerError, Unavailable

USAGE = 2
BUG = 70
SIGNAL = 128
INTERRUPTED = 130
TERMINATION_LOG = Path("/dev/termination-log")
_LAST_WORDS_BYTES = 4096

STATUSES: dict[type[BaseException], int] = {Invalid: 2, NotFound: 2, Conflict: 3, Corrupt: 4, Unavailable: 75}


class Verdict(NamedTuple):
    """How a command ended badly: the status, what is wrong, and what to do about it."""

    status: int
    sentence: str
    hint: str = ""


def gravest_of(error: BaseException) -> BaseException:
    """Return what counts of a group: Ctrl-C, then our own bugs, then damage, then what a person can mend."""
    return min(_leaves(error), key=_gravity)


def judge(gravest: BaseException) -> Verdict:
    """Find what a person must know of an error that is no group."""
    if isinstance(gravest, KeyboardInterrupt):
        return Verdict(INTERRUPTED, "stopped by Ctrl-C")
    if isinstance(gravest, RunnerError):
        return Verdict(status_of(gravest), gravest.message, gravest.hint)
    return Verdict(BUG, f"runner met a bug of its own: {_named(gravest)}")


def status_of(error: BaseException) -> int:
    """Return the exit status of an error's kind; 70 for what has none."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), BUG)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _gravity(error: BaseException) -> int:
    """Return where an error stands in the order of `gravest_of`."""
    if isinstance(error, KeyboardInterrupt):
        return 0
    if not isinstance(error, RunnerError):
        return 1
    return 2 if isinstance(error, Corrupt) else 3


def _named(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def keep_traceback(error: BaseException) -> str:
    """Write the traceback to a file of the user's and return a hint that names it."""
    text = "".join(traceback.format_exception(error))
    try:
        descriptor, path = tempfile.mkstemp(prefix="runner-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "run it again with -v to see the traceback"
    return f"the traceback is in {path}; -v prints it here"


def say(verdict: Verdict) -> None:
    """Tell stderr: what is wrong, then what to do. Needs no library, so that it also tells that one is missing."""
    from runner.cli.looks import FAILED, STOPPED, look_at

    look = look_at(sys.stderr)
    sign = STOPPED if verdict.status > SIGNAL else FAILED
    mark = look.pick(sign.glyph, sign.ascii)
    red, dim, plain = ("\x1b[1;31m", "\x1b[2m", "\x1b[0m") if look.colour else ("", "", "")
    first, *others = verdict.sentence.splitlines() or [""]
    lines = [f"{red if sign is FAILED else dim}{mark}{plain} {visible(first)}", *map(visible, others)]
    lines += [f"{' ' * len(mark)} {dim}{visible(line)}{plain}" for line in verdict.hint.splitlines()]
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def leave_last_words(sentence: str, place: Path = TERMINATION_LOG) -> None:
    """Write *sentence* where Kubernetes looks for a container's last words, if that is there.

    Source: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
    """
    if place.exists():
        try:
            place.write_bytes(sentence.encode(errors="backslashreplace")[:_LAST_WORDS_BYTES])
        except OSError:
            return  # a last word that cannot be left must not change how the command ends
