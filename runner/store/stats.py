"""How much a store holds: as its users count it, and as it lies on the disk."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import trio

from runner.model.commit import CommitState
from runner.store.catalog.codes import COMMIT_STATE
from runner.store.store import Store


@dataclass(frozen=True, slots=True)
class Stats:
    """Sizes of a store.

    Attributes:
        repos: In all projects.
        commits: Finished ones.
        quarantined: Commits that failed jobs left behind.
        objects: At the heads of all branches.
        head_bytes: Of these objects.
        logical_bytes: Of all finished commits, each counted as if it were a copy.
        blobs: Pieces of content, each stored once.
        stored_bytes: Of these.
        disk_bytes: Packs and files as they lie there, with what is not collected yet.
        catalog_bytes: The database, with its log.
    """

    repos: int
    branches: int
    commits: int
    quarantined: int
    objects: int
    head_bytes: int
    logical_bytes: int
    blobs: int
    stored_bytes: int
    disk_bytes: int
    catalog_bytes: int

    @property
    def deduplication(self) -> float:
        """How many times as large copies of all commits would be; 1 of an empty store."""
        return self.logical_bytes / self.stored_bytes if self.stored_bytes else 1.0


_HEADS = """
    SELECT count(*), CAST(coalesce(sum(c.objects), 0) AS BIGINT), CAST(coalesce(sum(c.bytes), 0) AS BIGINT)
    FROM branch b LEFT JOIN commits c ON c.id = b.head
"""
_COMMITS = "SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM commits WHERE state = ?"
_BLOBS = "SELECT count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM blob"


async def measure(store: Store) -> Stats:
    """Add up what *store* holds; reads every blob's row and lists every file.

    Raises:
        StorageFailed: The folder cannot be listed.
    """
    return await trio.to_thread.run_sync(_measure, store)


def _measure(store: Store) -> Stats:
    with closing(store.engine.open_reader()) as catalog, catalog.snapshot() as db:
        branches, objects, head_bytes = db.execute(_HEADS).fetchone()
        finished, logical = db.execute(_COMMITS, (COMMIT_STATE.code(CommitState.FINISHED),)).fetchone()
        quarantined, _ = db.execute(_COMMITS, (COMMIT_STATE.code(CommitState.QUARANTINED),)).fetchone()
        blobs, stored = db.execute(_BLOBS).fetchone()
        (repos,) = db.execute("SELECT count(*) FROM repo").fetchone()
    disk = sum(size for _, size in store.blobs.files()) + sum(size for _, size in store.blobs.packs())
    return Stats(
        repos=repos,
        branches=branches,
        commits=finished,
        quarantined=quarantined,
        objects=objects,
        head_bytes=head_bytes,
        logical_bytes=logical,
        blobs=blobs,
        stored_bytes=stored,
        disk_bytes=disk,
        catalog_bytes=store.engine.size_bytes(),
    )
