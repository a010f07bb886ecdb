"""Commits: finished versions of a repo, found by address and listed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.model.address import DEFAULT_BRANCH, Address
from runner.model.commit import Commit, CommitOrigin, CommitState
from runner.model.errors import Invalid, NotFound
from runner.model.ids import CommitId, is_commit_id, is_id_prefix
from runner.store import refs, repos
from runner.store.catalog import query
from runner.store.catalog import tables as t
from runner.store.catalog.codes import COMMIT_ORIGIN, COMMIT_STATE
from runner.store.catalog.engine import Transaction, core
from runner.store.catalog.query import Connection
from runner.store.contentsum import ContentSum
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.tree import ReadSet


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


_parent = t.commit.alias("parent")
_SELECT = (
    sa.select(t.commit, _parent.c.uuid.label("parent_uuid"), t.repo.c.project, t.repo.c.name.label("repo_name"))
    .join(t.repo, t.repo.c.id == t.commit.c.repo)
    .outerjoin(_parent, _parent.c.id == t.commit.c.parent)
)
_FINISHED = t.commit.c.state == COMMIT_STATE.code(CommitState.FINISHED)
_OPEN = t.commit.c.state == COMMIT_STATE.code(CommitState.OPEN)


async def resolve(store: Store, address: Address) -> Commit:
    """Find the commit that *address* means: a branch, a whole id or a unique prefix, then so many parents back.

    An id that the repo does not have, but a job has, means the commit of this repo that the job read.

    Raises:
        NoSuchRepo, NoSuchCommit, AmbiguousCommit.
    """
    db = store.catalog.db
    number = _number_of(db, repos.require(db, address.project, address.repo), address)
    for _ in range(address.back):
        parent: int | None = core(db, sa.select(t.commit.c.parent).where(t.commit.c.id == number)).scalar()
        if parent is None:
            raise NoSuchCommit(f"{address} goes back behind the first commit")
        number = parent
    return inspect_number(db, number)


async def list_commits(
    store: Store,
    project: str,
    repo: str,
    branch: str | None = None,
    *,
    limit: int = 50,
    quarantined: bool = False,
) -> Sequence[Commit]:
    """Return commits, newest first: a branch's from its open one or its head back, or all of the repo.

    Args:
        store: Where.
        project: Of the repo.
        repo: Its name.
        branch: Only what this branch reaches.
        limit: At most so many.
        quarantined: Also what failed jobs left behind; a branch reaches none of these.

    Raises:
        NoSuchRepo, NoSuchBranch.
    """
    db = store.catalog.db
    number = repos.require(db, project, repo)
    statement = _SELECT.where(t.commit.c.repo == number).order_by(t.commit.c.id.desc()).limit(limit)
    if branch is not None:
        history = _history(refs.require(db, number, branch).head, limit)
        statement = statement.where(t.commit.c.id.in_(history) | (_OPEN & (t.commit.c.branch == branch)))
    if not quarantined:
        statement = statement.where(_FINISHED | _OPEN)
    return [_commit(row) for row in store.catalog.rows(statement)]


def read_set(db: Connection, number: int) -> ReadSet:
    """Return the layers that a read of a commit merges, newest first."""
    layers: list[int] = json.loads(core(db, sa.select(t.commit.c.read_set).where(t.commit.c.id == number)).scalar_one())
    return layers


def content_of(db: Connection, number: int | None) -> ContentSum:
    """Return what a commit holds, as a sum; of no commit: nothing."""
    if number is None:
        return ContentSum()
    columns = (t.commit.c.content_sum, t.commit.c.objects, t.commit.c.bytes)
    return ContentSum(*core(db, sa.select(*columns).where(t.commit.c.id == number)).one())


def require_id(db: Connection, repo: int, commit: CommitId) -> int:
    """Return the number of a commit of *repo*; raises `NoSuchCommit`."""
    number: int | None = core(
        db, sa.select(t.commit.c.id).where(t.commit.c.repo == repo, t.commit.c.uuid == commit)
    ).scalar()
    if number is None:
        raise NoSuchCommit(f"the repo has no commit {commit}")
    return number


def inspect_number(db: Connection, number: int) -> Commit:
    """Return the commit of that number, which is there."""
    return _commit(core(db, _SELECT.where(t.commit.c.id == number)).one())


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
    number: int = core(tx.db, sa.insert(t.commit).values(values).returning(t.commit.c.id)).scalar_one()
    return number


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
    through = _through_job(db, repo, address, name) if is_commit_id(name) else None
    if through is None:
        raise NoSuchCommit(f"the repo {address.repo} has no commit {name}", hint=f"runner commit list {address.repo}")
    return through


def _through_job(db: Connection, repo: int, address: Address, job_id: str) -> int | None:
    """Return the commit of this repo that a job of that id read."""
    found: int | None = core(
        db,
        sa.select(t.commit.c.id)
        .join(t.job_input, t.job_input.c.uuid == t.commit.c.uuid)
        .join(t.job, t.job.c.id == t.job_input.c.job)
        .where(t.commit.c.repo == repo, t.job.c.uuid == job_id)
        .where(t.job_input.c.project == address.project, t.job_input.c.repo == address.repo),
    ).scalar()
    return found


def _history(head: int | None, limit: int) -> sa.Select[Any]:
    """Return the numbers of *head* and its parents, so many at most."""
    seed = sa.select(t.commit.c.id, t.commit.c.parent, sa.literal(1).label("depth")).where(t.commit.c.id == head)
    walk = seed.cte("history", recursive=True)
    walk = walk.union_all(
        sa.select(t.commit.c.id, t.commit.c.parent, walk.c.depth + 1)
        .join(walk, walk.c.parent == t.commit.c.id)
        .where(walk.c.depth < limit)
    )
    return sa.select(walk.c.id)


def _commit(row: sa.Row[Any]) -> Commit:
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
