"""What the end of a command on the other side means for its job. Pure."""

from __future__ import annotations

import signal

from runner.job import sentences
from runner.job.otherside import Ended
from runner.job.outcome import STATUS_FAILED, STATUS_SIGNAL, Failure
from runner.model.job import JobState
from runner.model.pipeline import Transform

STATUS_LATE = 75
_SIGNALS = {"TERM": signal.SIGTERM, "INT": signal.SIGINT}


def judge(ended: Ended, transform: Transform) -> Failure | None:
    """Return why the job fails; None: the command ended well."""
    name = sentences.command_name(ended.command) if ended.command else "the command"
    if ended.word == "LATE":
        reason = "the other side did not wait for the environment any longer"
        return Failure(JobState.KILLED, STATUS_LATE, reason)
    if ended.word:
        number = _SIGNALS[ended.word]
        return Failure(JobState.KILLED, STATUS_SIGNAL + number, f"{name} was stopped by {number.name}")
    if ended.status is None:
        return Failure(JobState.FAILURE, STATUS_FAILED, f"{name} {ended.problem}")
    if ended.status == 0 or ended.status in transform.accept_return_code:
        return None
    return Failure(JobState.FAILURE, STATUS_FAILED, f"{name} {sentences.how_shells_say_it_ended(ended.status)}")
