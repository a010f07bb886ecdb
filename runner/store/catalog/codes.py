"""Numbers that stand for words in the catalog. Never renumbered: they are part of the stored form."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Generic, TypeVar

from runner.model.commit import CommitOrigin, CommitState
from runner.model.job import DatumState, JobState

W = TypeVar("W", bound=StrEnum)


class Codes(Generic[W]):
    """A word for each number and back."""

    def __init__(self, *words: W) -> None:
        self._words = words
        self._codes = {word: code for code, word in enumerate(words)}

    def code(self, word: W) -> int:
        """Return the number of *word*."""
        return self._codes[word]

    def word(self, code: int) -> W:
        """Return the word of *code*."""
        return self._words[code]


COMMIT_STATE = Codes(CommitState.OPEN, CommitState.FINISHED, CommitState.QUARANTINED)
COMMIT_ORIGIN = Codes(CommitOrigin.USER, CommitOrigin.AUTO)
JOB_STATE = Codes(*JobState)  # in the order of a job's life
DATUM_STATE = Codes(*DatumState)
JOB_TERMINAL_FROM = JOB_STATE.code(JobState.SUCCESS)


class EntryKind(IntEnum):
    """What an entry of a layer says of its key."""

    TOMBSTONE = 0
    BLOB = 1
    MANIFEST = 2


class LayerKind(IntEnum):
    """A delta is history and never rewritten; a run is merged from others and may be dropped and built again."""

    DELTA = 0
    RUN = 1


class LayerState(IntEnum):
    """Only an open layer takes entries; a sealed one never changes again."""

    OPEN = 0
    SEALED = 1
    QUARANTINED = 2
    DROPPING = 3
    BUILDING = 4


class BlobPlace(IntEnum):
    """Where bytes lie."""

    PACK = 1
    FILE = 2


class Doomed(IntEnum):
    """What a collection may find that nothing refers to."""

    LAYER = 1
    PART_LIST = 2
    MANIFEST = 3
    BLOB = 4
    PACK = 5
    FILE = 6
