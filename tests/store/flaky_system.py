"""An operating system that fails on demand, for the local backend."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """The process is gone: no clean-up of the code under test counts any more."""


class FlakySystem:
    """Passes every call on to `os`; *fail* may raise or answer itself.

    Args:
        fail: Gets the name of the call, its number among all calls from 0, and its arguments;
            returns None to let the real call happen.
    """

    def __init__(self, fail: Callable[[str, int, tuple[Any, ...]], Any] = lambda *_: None) -> None:
        self.fail = fail
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            answer = self.fail(name, number, arguments)
            return getattr(os, name)(*arguments) if answer is None else answer

        return call


def failing(call: str, error: int = errno.EIO, *, times: int = 1) -> Callable[[str, int, tuple[Any, ...]], None]:
    """Let *call* fail *times* times."""
    left = [times]

    def fail(name: str, _number: int, _arguments: tuple[Any, ...]) -> None:
        if name == call and left[0]:
            left[0] -= 1
            raise OSError(error, os.strerror(error))

    return fail


def crashing_at(call_number: int) -> Callable[[str, int, tuple[Any, ...]], None]:
    """Let the process die at that call, and at each later one."""

    def fail(_name: str, number: int, _arguments: tuple[Any, ...]) -> None:
        if number >= call_number:
            raise Crash

    return fail


def writing_shortly(share: int = 3) -> Callable[[str, int, tuple[Any, ...]], int | None]:
    """Let every write take at most *share* bytes."""

    def fail(name: str, _number: int, arguments: tuple[Any, ...]) -> int | None:
        if name != "writev":
            return None
        fd, buffers = arguments
        return os.write(fd, b"".join(map(bytes, buffers))[:share])

    return fail
