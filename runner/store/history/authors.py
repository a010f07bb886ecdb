"""Which commit, and which job, wrote what a commit holds: by the origins of its entries, whatever its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import trio

from runner.model.commit import Commit
from runner.model.ids import CommitId
from runner.model.job import JobKey
from runner.store.catalog import query
from runner.store.history import commits, repos
from runner.store.layers import tree
from runner.store.store import Store
from runner.store.times import from_us

_KEYS_PER_TURN = 100
"""After so many keys the loop is handed back; each costs two look-ups."""
_AUTHOR = """
    SELECT c.uuid, c.finished_us, p.project, p.name AS pipeline FROM layer l JOIN commits c ON c.id = l.commit_id
    LEFT JOIN job j ON j.uuid = c.uuid AND j.commit_id = c.id LEFT JOIN pipeline p ON p.id = j.pipeline
    WHERE l.id = ?
"""


class Author(NamedTuple):
    """Who wrote an object.

    Attributes:
        commit: By which it came.
        finished: When that commit was made.
        job: That made the commit, of one that a job made and that was not deleted.
    """

    commit: CommitId
    finished: datetime | None
    job: JobKey | None


async def last_written(store: Store, commit: Commit, keys: Iterable[bytes]) -> Mapping[bytes, Author]:
    """Return who wrote the objects that *commit* holds under *keys*: two look-ups a key, however long its history.

    A key is missing when the commit does not hold it, or when the commit that wrote it was deleted. What a skipped
    datum wrote was written by the job that ran it; the commit that a squashed one went into stands for it.

    Raises:
        NoSuchRepo, NoSuchCommit.
    """
    db = store.catalog.db
    number = commits.require_id(db, repos.require(db, commit.project, commit.repo), commit.id)
    layers = commits.read_set(db, number)
    authors: dict[int | None, Author | None] = {}
    found: dict[bytes, Author] = {}
    for count, key in enumerate(keys, 1):
        entry = tree.find(db, layers, key)
        if entry is not None:
            if entry.origin not in authors:
                authors[entry.origin] = _author(query.row(db, _AUTHOR, (entry.origin,)))
            author = authors[entry.origin]
            if author is not None:
                found[key] = author
        if count % _KEYS_PER_TURN == 0:
            await trio.lowlevel.checkpoint()
    return found


def _author(row: query.Row | None) -> Author | None:
    if row is None:
        return None
    job = None if row.pipeline is None else JobKey(row.project, row.pipeline, CommitId(row.uuid))
    return Author(CommitId(row.uuid), from_us(row.finished_us), job)
