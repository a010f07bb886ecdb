"""A commit as a bucket, for commands that list and read."""

from __future__ import annotations

from runner.model.commit import Commit
from runner.store import commits, repos
from runner.store.buckets import CommitBucket
from runner.store.gate import Door, Gate
from runner.store.reads import Traffic
from runner.store.store import Store
from runner.store.view import Bucket


def bucket_of(store: Store, commit: Commit) -> Bucket:
    """Return *commit* as a bucket that is only read; nobody takes note of what is read.

    Raises:
        NoSuchRepo, NoSuchCommit: It is gone.
    """
    sql = store.catalog.sql
    number = commits.require_id(sql, repos.require(sql, commit.project, commit.repo), commit.id)
    layers = commits.read_set(sql, number)
    return CommitBucket(store, commit.repo, commit.started, layers=layers, door=Door(Gate(), Traffic()), log=None)
