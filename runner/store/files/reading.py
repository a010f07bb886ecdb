"""A commit as a bucket, for commands that list and read."""

from __future__ import annotations

from runner.model.commit import Commit, CommitState
from runner.store.buckets.buckets import CommitBucket
from runner.store.buckets.gate import Door, Gate
from runner.store.history import commits, repos, staged
from runner.store.history.staged import BranchKey
from runner.store.jobs.reads import Traffic
from runner.store.store import Store
from runner.store.view import Bucket


def bucket_of(store: Store, commit: Commit) -> Bucket:
    """Return *commit* as a bucket that is only read; nobody takes note of what is read.

    An open one holds what is staged on its branch at this moment.

    Raises:
        NoSuchRepo, NoSuchCommit: It is gone.
    """
    db = store.catalog.db
    repo = repos.require(db, commit.project, commit.repo)
    number = commits.require_id(db, repo, commit.id)
    is_open = commits.inspect_number(db, number).state is CommitState.OPEN
    layers = (
        staged.read_set(store.catalog.db, BranchKey(repo, commit.branch)) if is_open else commits.read_set(db, number)
    )
    return CommitBucket(store, commit.repo, commit.started, layers=layers, door=Door(Gate(), Traffic()), log=None)
