"""Commits made by hand: begun, written to for as long as one likes, and finished.

While a branch has an open commit, whatever is written to it, over S3 or by commands, stays staged and goes into that
one; no burst of it becomes a commit by itself. It is a row in state OPEN that holds what its parent holds; what is
staged is added to it when it is finished.
"""

from __future__ import annotations

import json
from functools import partial
from typing import NamedTuple

from runner.model.address import DEFAULT_BRANCH
from runner.model.commit import Commit, CommitOrigin, CommitState
from runner.model.errors import Conflict, NotFound
from runner.model.ids import CommitId, new_commit_id
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_STATE
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import commits, folders, refs, repos, staged, uploads
from runner.store.history.refs import RefMoved
from runner.store.history.staged import BranchKey
from runner.store.jobs import triggers
from runner.store.layers import runs, staging
from runner.store.layers.tree import ReadSet
from runner.store.store import Store
from runner.store.writing import deltas

TRIES = 10
_OPEN = COMMIT_STATE.code(CommitState.OPEN)
_FIND = f"SELECT id FROM commits WHERE repo = ? AND branch = ? AND state = {_OPEN}"  # noqa: S608  # a constant


_NEWEST_SPEC = """
    SELECT v.spec FROM pipeline p JOIN pipeline_version v ON v.pipeline = p.id
    WHERE p.project = ? AND p.name = ? ORDER BY v.version DESC LIMIT 1
"""


class CommitIsOpen(Conflict):
    """The branch has an open commit already."""


class NoOpenCommit(NotFound):
    """The branch has no open commit."""


class OutputBranch(Conflict):
    """A pipeline alone commits to the branch."""


class _Staged(NamedTuple):
    """What goes into a commit: sealed layers, newest first, above a head."""

    ref: refs.Ref
    layers: ReadSet


def find(db: Connection, branch: BranchKey) -> int | None:
    """Return the number of a branch's open commit; None: it has none."""
    row = db.execute(_FIND, branch).fetchone()
    return None if row is None else row[0]


async def start(store: Store, project: str, repo: str, branch: str, description: str = "") -> Commit:
    """Begin a commit on a branch, which is made when it is missing; what is staged there goes into it.

    Raises:
        NoSuchRepo, InvalidName.
        CommitIsOpen: (Conflict)
        OutputBranch: (Conflict)
    """

    def run(tx: Transaction) -> Commit:
        number = repos.require(tx.db, project, repo)
        if _is_output(tx.db, project, repo, branch):
            raise OutputBranch(f"the pipeline {repo} alone commits to {repo}@{branch}", hint="take another branch")
        ref = refs.ensure(tx, number, branch)
        if (found := find(tx.db, BranchKey(number, branch))) is not None:
            commit = commits.inspect_number(tx.db, found)
            hint = f"runner commit finish {repo}@{branch}"
            raise CommitIsOpen(f"{repo}@{branch} has an open commit already: {commit.id}", hint=hint)
        draft = commits.Draft(
            repo=number,
            id=new_commit_id(),
            branch=branch,
            parent=ref.head,
            base=ref.head,
            layers=(),
            read_set=() if ref.head is None else commits.read_set(tx.db, ref.head),
            content=commits.content_of(tx.db, ref.head),
            origin=CommitOrigin.USER,
            started_us=tx.now_us,
            state=CommitState.OPEN,
            description=description,
        )
        return commits.inspect_number(tx.db, commits.insert(tx, draft))

    return await store.writer.write(run)


async def finish(store: Store, project: str, repo: str, branch: str, description: str = "") -> Commit:
    """Finish the open commit of a branch with all that is staged there; the branch then points at it.

    Args:
        store: Where.
        project: Of the repo.
        repo: Its name.
        branch: Its name.
        description: Replaces the one of the start, unless it is empty.

    Raises:
        NoSuchRepo, NoOpenCommit.
        RefMoved: (Conflict) others wrote faster, ten times; it is still open.

    Cancellation: it is finished or still open.
    """
    key = BranchKey(repos.require(store.catalog.db, project, repo), branch)
    for tries_left in reversed(range(TRIES)):
        found = await store.writer.write(partial(_seal, branch=key))
        above = await deltas.content_above(store, found.ref.head, _below(store.catalog.db, found), found.layers)
        try:
            finished = partial(_finish, branch=key, found=found, above=above, description=description)
            commit = await store.writer.write(finished)
        except RefMoved:
            if not tries_left:
                raise
        else:
            store.merges.notice()
            store.hints.tell()
            return commit
    raise AssertionError


def add(tx: Transaction, ref: refs.Ref, layer: int) -> Commit:
    """Stage a sealed layer, which goes into the open commit of a branch above all that is staged there; return that."""
    branch = BranchKey(ref.repo, ref.name)
    number = _require(tx, branch)
    staged.add(tx, branch, layer)
    return commits.inspect_number(tx.db, number)


def _is_output(db: Connection, project: str, repo: str, branch: str) -> bool:
    row = db.execute(_NEWEST_SPEC, (project, repo)).fetchone()
    return row is not None and json.loads(row[0]).get("outputBranch", DEFAULT_BRANCH) == branch


def _require(tx: Transaction, branch: BranchKey) -> int:
    number = find(tx.db, branch)
    if number is None:
        raise NoOpenCommit(f"the branch {branch.name} has no open commit", hint="runner commit start REPO@BRANCH")
    return number


def _seal(tx: Transaction, branch: BranchKey) -> _Staged:
    _require(tx, branch)
    return _Staged(refs.require(tx.db, *branch), staged.seal_all(tx, branch))


def _below(db: Connection, found: _Staged) -> ReadSet:
    return () if found.ref.head is None else commits.read_set(db, found.ref.head)


def _finish(tx: Transaction, branch: BranchKey, found: _Staged, above: deltas.Above, description: str) -> Commit:
    number = _require(tx, branch)
    if staged.layers(tx.db, branch) != found.layers:
        raise RefMoved(f"others write to the branch {branch.name} all the time", hint="try again")
    for layer in found.layers:
        staged.forget(tx, branch, layer)
        staging.measure(tx, layer)
    uploads.forget_completed(tx, uploads.place_of_branch(*branch))
    values = {
        "parent": found.ref.head,
        "base": found.ref.head,
        "layers": json.dumps(found.layers),
        "read_set": json.dumps(runs.merged(tx, (*found.layers, *_below(tx.db, found)))),
        "state": COMMIT_STATE.code(CommitState.FINISHED),
        "digest": above.content.digest(),
        "content_sum": above.content.state(),
        "objects": above.content.objects,
        "bytes": above.content.size_bytes,
        "finished_us": tx.now_us,
    } | ({"description": description} if description else {})
    query.update(tx.db, "commits", values, "id = ?", (number,))
    commits.own(tx, number, found.layers)
    folders.keep(tx, number, above.changes)
    refs.move(tx, found.ref, number)
    commit = commits.inspect_number(tx.db, number)
    triggers.notice(tx, found.ref, CommitId(commit.id))
    return commit
