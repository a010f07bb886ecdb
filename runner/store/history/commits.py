"""Commits: finished versions of a repo, found by address and listed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from runner.model.address import DEFAULT_BRANCH, Address
from runner.model.commit import Commit, CommitOrigin, CommitState
from runner.model.errors import Invalid, NotFound
from runner.model.ids import CommitId, is_commit_id, is_id_prefix
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_ORIGIN, COMMIT_STATE
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection, Row
from runner.store.catalog.sums import RowDamaged
from runner.store.history import refs, repos
from runner.store.layers.contentsum import ContentSum
from runner.store.layers.tree import ReadSet
from runner.store.store import Store
from runner.store.times import from_us


class NoSuchCommit(NotFound):
    """The repo has no such commit."""


class AmbiguousCommit(Invalid):
    """Several commits of the repo begin with these digits."""


class Draft(NamedTuple):
    """A commit that is about to be made.

    Attributes:
        base: Number of the commit below its own layers; None: nothing is below.
        layers: Its own, newest first.
        read_set: Layers that a read merges, newest first.
        content: What it holds.
    """

    repo: int
    id: CommitId
    branch: str
    parent: int | None
    base: int | None
    layers: ReadSet
    read_set: ReadSet
    content: ContentSum
    origin: CommitOrigin
    started_us: int
    state: CommitState = CommitState.FINISHED
    description: str = ""
    error: str = ""


_FINISHED, _OPEN = COMMIT_STATE.code(CommitState.FINISHED), COMMIT_STATE.code(CommitState.OPEN)
_SELECT = """
    SELECT c.*, p.uuid AS parent_uuid, r.project, r.name AS repo_name
    FROM commits c JOIN repo r ON r.id = c.repo LEFT JOIN commits p ON p.id = c.parent
"""
_HISTORY = """
    WITH RECURSIVE history(id, parent, depth) AS (
        SELECT id, parent, 1 FROM commits WHERE id = ?
        UNION ALL
        SELECT c.id, c.parent, h.depth + 1 FROM history h JOIN commits c ON c.id = h.parent WHERE h.depth < ?
    )
    SELECT id FROM history
"""
"""The numbers of a commit and of its parents, so many at most."""

_ALL = 2**53
_NTH = f"{_HISTORY} ORDER BY depth DESC LIMIT 1 OFFSET ?"
_BACK = f"{_HISTORY} ORDER BY depth LIMIT 1 OFFSET ?"

_THROUGH_JOB = """
    SELECT c.id FROM commits c JOIN job_input i ON i.uuid = c.uuid JOIN job j ON j.id = i.job
    WHERE c.repo = ? AND j.uuid = ? AND i.project = ? AND i.repo = ?
"""
"""The commit of a repo that a job read."""


async def resolve(store: Store, address: Address) -> Commit:
    """Find the commit that *address* means: a branch, a whole id or a unique prefix, then some commit before it.

    An id that the repo does not have, but a job has, means the commit of this repo that the job read.

    Raises:
        NoSuchRepo, NoSuchCommit, AmbiguousCommit.
    """
    db = store.catalog.db
    number = _number_of(db, repos.require(db, address.project, address.repo), address)
    found: int | None = number
    if address.nth:
        found = query.value(db, _NTH, (number, _ALL, address.nth - 1))
    elif address.back:
        found = query.value(db, _BACK, (number, address.back + 1, address.back))
    if found is None:
        where = "beyond the newest" if address.nth else "back behind the first"
        raise NoSuchCommit(
            f"{address} goes {where} commit", hint=f"runner commit list {address.repo}@{address.revision}"
        )
    return inspect_number(db, found)


async def parent_of(store: Store, commit: Commit) -> Commit | None:
    """Return the commit before one in its history; None: it is the first."""
    db = store.catalog.db
    number = require_id(db, repos.require(db, commit.project, commit.repo), commit.id)
    parent = query.value(db, "SELECT parent FROM commits WHERE id = ?", (number,))
    return None if parent is None else inspect_number(db, parent)


async def list_commits(
    store: Store,
    project: str,
    repo: str,
    branch: str | None = None,
    *,
    since: Commit | None = None,
    limit: int = 50,
    quarantined: bool = False,
) -> Sequence[Commit]:
    """Return commits, newest first: a branch's from its open one or its head back, or all of the repo.

    Args:
        store: Where.
        project: Of the repo.
        repo: Its name.
        branch: Only what this branch reaches.
        since: Only this one of the repo and what came before it.
        limit: At most so many.
        quarantined: Also what failed jobs left behind; a branch reaches none of these.

    Raises:
        NoSuchRepo, NoSuchBranch.
    """
    db = store.catalog.db
    number = repos.require(db, project, repo)
    conditions = ["c.repo = ?"]
    parameters: list[int | str | None] = [number]
    if branch is not None:
        conditions.append(f"(c.id IN ({_HISTORY}) OR (c.state = {_OPEN} AND c.branch = ?))")
        parameters += [refs.require(db, number, branch).head, limit, branch]
    if since is not None:
        conditions.append(f"c.id IN ({_HISTORY})")
        parameters += [require_id(db, number, since.id), limit]
    if not quarantined:
        conditions.append(f"c.state IN ({_FINISHED}, {_OPEN})")
    statement = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY c.id DESC LIMIT ?"
    return [_commit(row) for row in query.rows(db, statement, (*parameters, limit))]


def read_set(db: Connection, number: int) -> ReadSet:
    """Return the layers that a read of a commit merges, newest first; raises `RowDamaged`, also when it is gone."""
    row = query.sound(db, "commits", "id = ?", (number,))
    if row is None:
        raise RowDamaged("a commit is not there any more", hint="runner store check tells the damage")
    layers: list[int] = json.loads(row.read_set)
    return layers


def content_of(db: Connection, number: int | None) -> ContentSum:
    """Return what a commit holds, as a sum; of no commit: nothing."""
    if number is None:
        return ContentSum()
    return ContentSum(*query.one(db, "SELECT content_sum, objects, bytes FROM commits WHERE id = ?", (number,)))


def require_id(db: Connection, repo: int, commit: CommitId) -> int:
    """Return the number of a commit of *repo*; raises `NoSuchCommit`."""
    number: int | None = query.value(db, "SELECT id FROM commits WHERE repo = ? AND uuid = ?", (repo, commit))
    if number is None:
        raise NoSuchCommit(f"the repo has no commit {commit}")
    return number


def inspect_number(db: Connection, number: int) -> Commit:
    """Return the commit of that number, which is there."""
    return _commit(query.one(db, f"{_SELECT} WHERE c.id = ?", (number,)))


def insert(tx: Transaction, draft: Draft) -> int:
    """Write the row of a commit and return its number."""
    values = {
        "repo": draft.repo,
        "uuid": draft.id,
        "branch": draft.branch,
        "parent": draft.parent,
        "base": draft.base,
        "layers": json.dumps(draft.layers),
        "read_set": json.dumps(draft.read_set),
        "state": COMMIT_STATE.code(draft.state),
        "origin": COMMIT_ORIGIN.code(draft.origin),
        "digest": draft.content.digest(),
        "content_sum": draft.content.state(),
        "objects": draft.content.objects,
        "bytes": draft.content.size_bytes,
        "started_us": draft.started_us,
        "finished_us": None if draft.state is CommitState.OPEN else tx.now_us,
        "description": draft.description,
        "error": draft.error,
    }
    number = query.insert_numbered(tx.db, "commits", values)
    own(tx, number, draft.layers)
    return number


def own(tx: Transaction, number: int, layers: ReadSet) -> None:
    """Note that a commit is made of *layers*: what was written into them was written by it."""
    for layer in layers:
        query.update(tx.db, "layer", {"commit_id": number}, "id = ?", (layer,))


def _number_of(db: Connection, repo: int, address: Address) -> int:
    name = address.revision or DEFAULT_BRANCH
    ref = refs.find(db, repo, name)
    if ref is not None:
        if ref.head is None:
            raise NoSuchCommit(f"the branch {address.repo}@{name} has no commit yet")
        return ref.head
    if not is_id_prefix(name):
        raise NoSuchCommit(f"the repo {address.repo} has no branch {name}", hint=f"runner branch list {address.repo}")
    begins_with = "SELECT id FROM commits WHERE repo = ? AND uuid >= ? AND uuid < ? LIMIT 2"
    found: list[int] = query.values(db, begins_with, (repo, name, f"{name}g"))
    if len(found) > 1:
        raise AmbiguousCommit(f"several commits of {address.repo} begin with {name}", hint="give more digits")
    if found:
        return found[0]
    through: int | None = None
    if is_commit_id(name):
        through = query.value(db, _THROUGH_JOB, (repo, name, address.project, address.repo))
    if through is None:
        raise NoSuchCommit(f"the repo {address.repo} has no commit {name}", hint=f"runner commit list {address.repo}")
    return through


def _commit(row: Row) -> Commit:
    return Commit(
        project=row.project,
        repo=row.repo_name,
        id=CommitId(row.uuid),
        branch=row.branch,
        parent=row.parent_uuid,
        state=COMMIT_STATE.word(row.state),
        origin=COMMIT_ORIGIN.word(row.origin),
        digest=row.digest,
        objects=row.objects,
        size_bytes=row.bytes,
        started=from_us(row.started_us),
        finished=from_us(row.finished_us),
        description=row.description,
        error=row.error,
    )
