"""Branches of a repo, as they are made, listed and removed."""

from __future__ import annotations

from collections.abc import Sequence

from runner.model.commit import Branch, CommitState
from runner.model.errors import Conflict
from runner.model.ids import CommitId
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.history import commits, documents, refs, repos, staged, versions
from runner.store.jobs import triggers
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.writing import open_commits


class BranchExists(Conflict):
    """The branch is there already."""


class CommitUnfinished(Conflict):
    """The commit is open yet, or a failed job left it behind: no branch may point at it."""


_LIST = """
    SELECT b.name, b.created_us, c.uuid FROM branch b LEFT JOIN commits c ON c.id = b.head
    WHERE b.repo = ? ORDER BY b.name
"""


async def create(store: Store, project: str, repo: str, name: str, head: CommitId | None = None) -> Branch:
    """Make a branch, empty or at a commit of the same repo.

    Raises:
        InvalidName, NoSuchRepo, BranchExists, NoSuchCommit, CommitUnfinished.
    """

    def insert(tx: Transaction) -> Branch:
        number = repos.require(tx.db, project, repo)
        if refs.find(tx.db, number, name) is not None:
            raise BranchExists(f"the branch {repo}@{name} exists already")
        at = None if head is None else _finished(tx, number, head)
        ref = refs.ensure(tx, number, name)
        if at is not None and head is not None:
            refs.move(tx, ref, at)
            triggers.notice(tx, ref, head)
        return Branch(project, repo, name, head, from_us(tx.now_us))

    branch = await store.writer.write(insert)
    store.hints.tell()
    return branch


def _finished(tx: Transaction, repo: int, commit: CommitId) -> int:
    number = commits.require_id(tx.db, repo, commit)
    state = commits.inspect_number(tx.db, number).state
    if state is CommitState.OPEN:
        raise CommitUnfinished(f"the commit {commit} is open yet", hint="runner commit finish, then try again")
    if state is CommitState.QUARANTINED:
        raise CommitUnfinished(
            f"the commit {commit} is what a failed job left", hint="runner file get saves what it holds"
        )
    return number


async def list_branches(store: Store, project: str, repo: str) -> Sequence[Branch]:
    """Return the branches of a repo by name; raises `NoSuchRepo`."""
    number = repos.require(store.catalog.db, project, repo)
    rows = query.rows(store.catalog.db, _LIST, (number,))
    return [Branch(project, repo, row.name, row.uuid, from_us(row.created_us)) for row in rows]


async def inspect(store: Store, project: str, repo: str, name: str) -> Branch:
    """Look a branch up; raises `NoSuchRepo`, `NoSuchBranch`."""
    refs.require(store.catalog.db, repos.require(store.catalog.db, project, repo), name)
    return next(branch for branch in await list_branches(store, project, repo) if branch.name == name)


async def count_staged(store: Store, project: str, repo: str, name: str) -> int:
    """Return how many objects were written or deleted on a branch and are in no commit yet; of no branch: none."""
    db = store.catalog.db
    number = repos.find(db, project, repo)
    return 0 if number is None else staged.count(store.catalog.db, staged.BranchKey(number, name))


async def delete(store: Store, project: str, repo: str, name: str) -> None:
    """Remove a branch with what is staged on it; its commits stay. Raises `NoSuchRepo`, `NoSuchBranch`."""

    def run(tx: Transaction) -> None:
        ref = refs.require(tx.db, repos.require(tx.db, project, repo), name)
        remove(tx, ref)

    await store.writer.write(run)


def remove(tx: Transaction, ref: refs.Ref) -> None:
    """Remove a branch, and what is staged on it or stands beside it."""
    branch = staged.BranchKey(ref.repo, ref.name)
    staged.drop(tx, branch)
    documents.drop(tx, branch)
    versions.drop(tx, branch)
    tx.db.execute("DELETE FROM commits WHERE id = ?", (open_commits.find(tx.db, branch),))
    tx.db.execute("DELETE FROM branch WHERE repo = ? AND name = ?", branch)
