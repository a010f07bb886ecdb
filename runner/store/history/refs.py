"""Refs: a branch's name for a commit, moved by compare-and-swap in the transaction that makes the commit."""

from __future__ import annotations

from typing import NamedTuple

from runner.model.address import check_name
from runner.model.errors import Conflict, NotFound
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection

_MOVE = "UPDATE branch SET head = ?, gen = gen + 1 WHERE repo = ? AND name = ? AND gen = ?"


class NoSuchBranch(NotFound):
    """The repo has no branch of that name."""


class RefMoved(Conflict):
    """Somebody else committed to the branch meanwhile."""


class Ref(NamedTuple):
    """A branch as it was read: *head* is a commit's number, *gen* counts its moves."""

    repo: int
    name: str
    head: int | None
    gen: int


def find(db: Connection, repo: int, name: str) -> Ref | None:
    """Return a branch, if there is one of that name; raises `RowDamaged`."""
    row = query.sound(db, "branch", "repo = ? AND name = ?", (repo, name))
    return None if row is None else Ref(repo, name, row.head, row.gen)


def require(db: Connection, repo: int, name: str) -> Ref:
    """Return a branch; raises `NoSuchBranch`."""
    ref = find(db, repo, name)
    if ref is None:
        raise NoSuchBranch(f"there is no branch {name}", hint="runner branch list REPO shows them")
    return ref


def ensure(tx: Transaction, repo: int, name: str) -> Ref:
    """Return a branch, making it without a head when it is missing; raises `InvalidName`."""
    ref = find(tx.db, repo, name)
    if ref is None:
        check_name("branch", name)
        ref = Ref(repo, name, None, 0)
        values = {"repo": repo, "name": name, "head": None, "gen": 0, "created_us": tx.now_us}
        query.insert(tx.db, "branch", values)
    return ref


def move(tx: Transaction, ref: Ref, head: int) -> None:
    """Let the branch point at *head*, unless it moved since *ref* was read; raises `RefMoved`."""
    if not query.write(tx.db, "branch", _MOVE, (head, ref.repo, ref.name, ref.gen)):
        raise RefMoved(f"somebody else committed to the branch {ref.name} meanwhile", hint="try again")
