"""Five kinds of error, by who must act.

A concrete error stands beside the code that raises it and has exactly one kind:
``class RefMoved(Conflict)``. The gateway turns a kind into an S3 reply, the command line
into an exit status; both walk the class hierarchy, so a concrete error may have a row of its own.
"""

from __future__ import annotations


class RunnerError(Exception):
    """Something that a person or a program must act on.

    Args:
        message: One clear sentence: what is wrong and where.
        hint: What to do about it, one sentence or a command; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Invalid(RunnerError):
    """The spec, request or setting is wrong; the same again will fail again."""


class NotFound(RunnerError):
    """It names something that is not there."""


class Conflict(RunnerError):
    """Lost a race, sealed, or a precondition failed; may be tried from fresh state."""


class Corrupt(RunnerError):
    """Stored bytes do not match their digest; never retried, always reported."""


class Unavailable(RunnerError):
    """Disk full, timeout, peer gone; may be tried again later."""
