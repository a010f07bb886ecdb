"""What is told of a job and of how its commands ended, in words that a person understands."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence

from runner.model.job import ProcessExit

_COMMAND_CHARACTERS = 60
_WORDS_CHARACTERS = 300
_SHELL_SIGNAL = 128
_TRACEBACK = "Traceback (most recent call last):"
_MEANINGS = {"SIGXFSZ": ": a file became larger than allowed", "SIGXCPU": ": it used more processor time than allowed"}


def objects(count: int) -> str:
    """Say how many objects there are."""
    return f"{count} object" if count == 1 else f"{count} objects"


class LastWords:
    """Remembers the line of a command's output that most likely says what went wrong.

    The error that ends the last Python traceback, else the last line on stderr, else the last line.
    """

    def __init__(self) -> None:
        self._error = self._stderr = self._any = ""
        self._in_traceback = False

    def hear(self, stream: str, lines: Sequence[str]) -> None:
        """Take lines as they come."""
        for line in lines:
            if not line.strip():
                continue
            self._any = line
            if stream != "stderr":
                continue
            self._stderr = line
            if line.startswith(_TRACEBACK):
                self._in_traceback = True
            elif self._in_traceback and not line[0].isspace():
                self._in_traceback = False
                self._error = line

    def __str__(self) -> str:
        return _shortened(" ".join((self._error or self._stderr or self._any).split()), _WORDS_CHARACTERS)


def command_name(argv: Sequence[str]) -> str:
    """Return a command as one would type it, shortened."""
    return _shortened(shlex.join(argv), _COMMAND_CHARACTERS)


def how_it_ended(exit_: ProcessExit, shortage: str = "") -> str:
    """Say how a process ended, as the end of a sentence.

    Args:
        exit_: Of the command itself.
        shortage: What the machine ran out of so that something of the command was killed; else empty.
    """
    if exit_.signal is None:
        return f"{exit_}, after a process of it was killed: {shortage}" if shortage else str(exit_)
    if exit_.signal == signal.SIGKILL:
        return f"was killed: {shortage}" if shortage else "was killed by SIGKILL"
    try:
        name = signal.Signals(exit_.signal).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {exit_.signal}"
    return f"died of {name}{_MEANINGS.get(name, '')}"


def out_of_memory(limit: str) -> str:
    """Say that there was no memory left: of *limit*, as the spec writes it, or of the machine."""
    return f"out of memory, its limit is {limit}" if limit else "out of memory"


def how_shells_say_it_ended(status: int) -> str:
    """Say how a command ended of which a shell told, as the end of a sentence.

    Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
    """
    try:
        return f"exited {status}, as shells say of {signal.Signals(status - _SHELL_SIGNAL).name}"
    except ValueError:
        return f"exited {status}"


def failure(argv: Sequence[str], end: str, *, number: int, tries: int, words: str) -> str:
    """Say which command ended how on which try, and its last words."""
    sentence = f"{command_name(argv)} {end} on try {number} of {tries}"
    return f"{sentence}: {words}" if words else sentence


def dropped(uploads: int) -> str:
    """Say that uploads have come to nothing."""
    return f"{uploads:,} upload{'s were' if uploads > 1 else ' was'} never completed: not part of the output"


def of_datum(datum: str, reason: str, total: int) -> str:
    """Say which datum of a job failed why; one that is alone needs no name."""
    return f"datum {datum} failed: {reason}" if total > 1 else reason


def written_twice(key: bytes, one: str, other: str) -> str:
    """Say, as Pachyderm does, that two datums wrote the same path."""
    path = f"/{key.decode(errors='backslashreplace')}"
    return f"duplicate path output by different datums ({path} from {one} and {path} from {other})"


def collision(key: bytes) -> str:
    """Say, as Pachyderm does, that a path is a file and a folder at once."""
    return f"file / directory path collision (/{key.decode(errors='backslashreplace')})"


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
