"""What is told of one job: the facts that a summary and an inspection are written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.model.commit import Commit
from runner.model.ids import CommitId
from runner.model.job import Attempt, Job, JobState

LOST_RACE = 3
STORE_OUT_OF_REACH = 75


@dataclass(frozen=True, slots=True)
class InputRead:
    """How much of one input was read.

    Attributes:
        name: The bucket.
        objects_read: Distinct objects of which bytes were sent.
        objects: How many the input holds.
        size_bytes: Bytes that were sent.
        asked: Whether there was any request at all: a listing or a HEAD reads no object.
        absent: Keys that were asked for and are not there.
    """

    name: str
    objects_read: int
    objects: int
    size_bytes: int = 0
    asked: bool = True
    absent: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """How an output differs from its parent."""

    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """One job, told whole.

    Attributes:
        command: What was run, as one would type it.
        tries: How often a datum may be tried.
        attempts: In the order in which they ran.
        reads: By input.
        requests: That the user code made; None: not known.
        requests_failed: Of those, answered with 400 and above, absent keys aside.
        output: The commit that was published, if any.
        change: Of *output* against its parent; None: it is the first.
        quarantined: What a job wrote that was not published.
        head: Of the output branch, now.
        last_success: The newest earlier job of the pipeline that succeeded.
        last_read: The input and key read last.
        news: What became of that object since *last_success*: ``new``, ``changed``; empty: nothing, or not known.
        copied_to: Folder into which the output was exported.
    """

    job: Job
    command: str = ""
    tries: int = 1
    attempts: Sequence[Attempt] = ()
    reads: Sequence[InputRead] = ()
    requests: int | None = None
    requests_failed: int = 0
    output: Commit | None = None
    change: Change | None = None
    quarantined: Commit | None = None
    head: CommitId | None = None
    last_success: CommitId | None = None
    last_read: tuple[str, bytes] | None = None
    news: str = ""
    copied_to: str = ""

    @property
    def is_skipped(self) -> bool:
        """Whether it succeeded without running a command: it had no datum, or all were as before."""
        return self.job.state is JobState.SUCCESS and not self.attempts

    @property
    def seconds(self) -> float:
        """How long it ran; 0 when it never began."""
        if self.job.started is None or self.job.finished is None:
            return 0.0
        return (self.job.finished - self.job.started).total_seconds()
