"""A job's words: states, outcomes, attempts, and what is listed of a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runner.model.ids import CommitId


class JobState(StrEnum):
    """Pachyderm's states, in the order of a job's life."""

    CREATED = "CREATED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EGRESSING = "EGRESSING"
    FINISHING = "FINISHING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    KILLED = "KILLED"
    UNRUNNABLE = "UNRUNNABLE"

    @property
    def is_terminal(self) -> bool:
        """Whether a job in this state never changes again."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobState.SUCCESS, JobState.FAILURE, JobState.KILLED, JobState.UNRUNNABLE})


class DatumState(StrEnum):
    """Pachyderm's states of a datum."""

    STARTING = "STARTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    RECOVERED = "RECOVERED"
    UNKNOWN = "UNKNOWN"  # its job ended before it was tried


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """What a child and its waited-for children used."""

    user_seconds: float
    system_seconds: float
    max_rss_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How a process ended. Exactly one of *status* and *signal* is set."""

    status: int | None
    signal: int | None
    usage: ResourceUsage | None = None

    def __str__(self) -> str:
        return f"exited {self.status}" if self.signal is None else f"was killed by signal {self.signal}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one datum.

    Attributes:
        datum: Its id, 64 hex digits.
        number: The try, 1-based.
        exit: None while it runs, or when the command could not be started.
        reason: One sentence when it did not succeed; else empty.
        objects: Written to ``out`` and kept.
        size_bytes: Of those objects.
    """

    datum: str
    number: int
    started: datetime
    finished: datetime | None = None
    exit: ProcessExit | None = None
    reason: str = ""
    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DatumFile:
    """What one input gives to a datum: a file, a folder, or a bucket.

    Attributes:
        path: In its repo; a folder's ends with ``/``, a bucket's is ``/``.
        objects: How many files that is.
        size_bytes: Of them all.
    """

    input: str
    path: str
    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class JobDatum:
    """A datum of a job.

    Attributes:
        id: 64 hex digits.
        state: STARTING until it has ended.
        objects: That it wrote; of one that was skipped those that were carried over.
        size_bytes: Of those objects.
    """

    id: str
    state: DatumState
    files: tuple[DatumFile, ...]
    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class JobInput:
    """An input of a job, pinned to one commit."""

    name: str
    project: str
    repo: str
    branch: str
    commit: CommitId
    s3: bool = True


@dataclass(frozen=True, slots=True)
class JobKey:
    """A job's address ``pipeline@id`` in its project."""

    project: str
    pipeline: str
    id: CommitId

    def __str__(self) -> str:
        return f"{self.pipeline}@{self.id}"


@dataclass(frozen=True, slots=True)
class Job:
    """What the store knows of a job.

    Attributes:
        version: Of the pipeline, 1-based.
        reason: One sentence when it did not succeed; else empty.
        status: The runner's exit status for it once it is terminal.
        started: When it began to run.
        restarts: How often it was given back and taken up again.
    """

    key: JobKey
    version: int
    state: JobState
    output_repo: str
    output_branch: str
    inputs: tuple[JobInput, ...]
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    reason: str = ""
    status: int | None = None
    restarts: int = 0
    data_total: int = 0
    data_processed: int = 0
    data_skipped: int = 0
    data_failed: int = 0
    data_recovered: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
