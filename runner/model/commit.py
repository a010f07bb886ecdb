"""Repos, branches and commits, as they are listed and inspected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runner.model.ids import CommitId


class CommitState(StrEnum):
    """Where a commit stands; only FINISHED ones are reached by a branch."""

    OPEN = "OPEN"
    FINISHED = "FINISHED"
    QUARANTINED = "QUARANTINED"


class CommitOrigin(StrEnum):
    """Who made a commit: a client, or a pipeline."""

    USER = "USER"
    AUTO = "AUTO"


@dataclass(frozen=True, slots=True)
class Repo:
    """A repo; *size_bytes* is that of the branch ``master``."""

    project: str
    name: str
    created: datetime
    description: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch; *head* is None while nothing was committed."""

    project: str
    repo: str
    name: str
    head: CommitId | None
    created: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit.

    Attributes:
        branch: The branch it was made on.
        parent: The previous commit of that branch, if any.
        digest: Over keys, sizes, content digests, content headers and user metadata: no times, no ids,
            so that two commits with equal digests hold the same data.
        objects: How many.
        size_bytes: Sum of their sizes.
        error: Why a quarantined commit was not published; else empty.
    """

    project: str
    repo: str
    id: CommitId
    branch: str
    parent: CommitId | None
    state: CommitState
    origin: CommitOrigin
    digest: bytes
    objects: int
    size_bytes: int
    started: datetime
    finished: datetime | None
    description: str = ""
    error: str = ""
