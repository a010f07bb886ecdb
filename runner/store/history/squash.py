"""Taking finished commits out of the history: squashed into what follows them, or deleted from the end of it.

A commit set is all commits of one id: what one commit made along its pipelines. Both refuse whatever would lose what
somebody still stands on. Content is links between layers, so neither moves a row of it: what a squashed commit changed
becomes part of the commits above it, and what nothing refers to any more is collected later.

Source of the refusals:
https://github.com/pachyderm/pachyderm/blob/master/src/server/pfs/server/server_commit_set.go
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from runner.model.address import Address
from runner.model.commit import Commit, CommitState
from runner.model.errors import Conflict, Invalid, NotFound
from runner.model.ids import is_id_prefix
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_STATE, JOB_TERMINAL_FROM
from runner.store.catalog.engine import Transaction
from runner.store.history import commits, folders, staged
from runner.store.history.staged import BranchKey
from runner.store.store import Store

_OPEN = COMMIT_STATE.code(CommitState.OPEN)
_ROW = """
    SELECT c.id, c.repo, r.project, r.name, c.uuid, c.parent, c.base, c.layers, c.state, c.branch
    FROM commits c JOIN repo r ON r.id = c.repo WHERE r.project = ? AND r.name = ? AND c.uuid = ?
"""
_READERS = """
    SELECT j.uuid, j.state, j.commit_id, p.project, p.name FROM job_input i
    JOIN job j ON j.id = i.job JOIN pipeline p ON p.id = j.pipeline
    WHERE i.project = ? AND i.repo = ? AND i.uuid = ?
"""


class CommitInUse(Conflict):
    """Other commits or jobs stand on the commit."""


class NoSuchCommitSet(NotFound):
    """No repo has a commit of that id."""


class AmbiguousCommitSet(Invalid):
    """The ids of several commit sets begin with these digits."""


class _Row(NamedTuple):
    """A commit to take out."""

    id: int
    repo: int
    project: str
    repo_name: str
    uuid: str
    parent: int | None
    base: int | None
    layers: str
    state: int
    branch: str

    def __str__(self) -> str:
        return f"{self.repo_name}@{self.uuid}"


async def find_set(store: Store, digits: str) -> Sequence[Commit]:
    """Return the commits of one id, in every repo and project, oldest first.

    Args:
        store: Where.
        digits: The id, or at least 8 digits that no other id begins with.

    Raises:
        NoSuchCommitSet, AmbiguousCommitSet.
    """
    if not is_id_prefix(digits):
        raise NoSuchCommitSet(f"{digits!r} is no commit's id", hint="write REPO@COMMIT, or the id of a commit set")
    db = store.catalog.db
    begins_with = "SELECT DISTINCT uuid FROM commits WHERE uuid >= ? AND uuid < ? LIMIT 2"
    ids = query.values(db, begins_with, (digits, digits + "g"))
    if not ids:
        raise NoSuchCommitSet(f"no repo has a commit {digits}", hint="runner commit list REPO shows a repo's")
    if len(ids) > 1:
        raise AmbiguousCommitSet(f"the ids of several commits begin with {digits}", hint="give more digits")
    numbers = query.values(db, "SELECT id FROM commits WHERE uuid = ? ORDER BY id", (ids[0],))
    return [commits.inspect_number(db, number) for number in numbers]


async def find(store: Store, address: Address) -> Sequence[Commit]:
    """Return the one commit of an address as a set; raises as `runner.store.history.commits.resolve`."""
    return [await commits.resolve(store, address)]


async def squash(store: Store, wanted: Sequence[Commit]) -> None:
    """Take commits out of the middle of their histories: what they changed is then part of what follows.

    Args:
        store: Where.
        wanted: All or none of them.

    Raises:
        CommitInUse: One has nothing above it, or a branch points at it, so content would be lost; or jobs read one.
        NoSuchCommit: One is gone.
    """
    await store.writer.write(lambda tx: _squash(tx, wanted))
    store.hints.tell()


async def delete(store: Store, wanted: Sequence[Commit]) -> None:
    """Take commits off the ends of their histories; branches then point at what came before.

    With an open commit goes what is staged for it.

    Args:
        store: Where.
        wanted: All or none of them.

    Raises:
        CommitInUse: Something stands above one; or jobs read one.
        NoSuchCommit: One is gone.
    """
    await store.writer.write(lambda tx: _delete(tx, wanted))
    store.hints.tell()


def _squash(tx: Transaction, wanted: Sequence[Commit]) -> None:
    rows = _require(tx, wanted)
    for row in rows:
        if not _children(tx, row):
            raise CommitInUse(
                f"nothing follows {row}, so what it holds would be lost", hint="runner commit delete removes it"
            )
        at = query.value(tx.db, "SELECT name FROM branch WHERE head = ?", (row.id,))
        if at is not None:
            raise CommitInUse(f"the branch {row.repo_name}@{at} points at {row}", hint="delete or move that branch")
    _refuse_readers(tx, rows)
    for row in rows:
        _remove(tx, row)


def _delete(tx: Transaction, wanted: Sequence[Commit]) -> None:
    rows = _require(tx, wanted)
    for row in rows:
        above = [*_children(tx, row), *_standing(tx, row)]
        if above:
            raise CommitInUse(
                f"{commits.inspect_number(tx.db, above[0]).id} stands on {row}",
                hint="delete the newer ones first, or runner commit squash keeps what it holds in them",
            )
    _refuse_readers(tx, rows)
    for row in rows:
        query.write(tx.db, "branch", "UPDATE branch SET head = ?, gen = gen + 1 WHERE head = ?", (row.parent, row.id))
        if row.state == _OPEN:
            staged.drop_layers(tx, BranchKey(row.repo, row.branch))
        _remove(tx, row)


def _require(tx: Transaction, wanted: Sequence[Commit]) -> list[_Row]:
    """Return the rows of commits, as they are now; raises `NoSuchCommit`."""
    rows = []
    for commit in wanted:
        found = query.row(tx.db, _ROW, (commit.project, commit.repo, commit.id))
        if found is None:
            raise commits.NoSuchCommit(f"{commit.repo}@{commit.id} is gone already")
        rows.append(_Row(*found))
    return rows


def _children(tx: Transaction, row: _Row) -> Sequence[int]:
    return query.values(tx.db, "SELECT id FROM commits WHERE parent = ?", (row.id,))


def _standing(tx: Transaction, row: _Row) -> Sequence[int]:
    """Return the commits whose content is a change of this one's."""
    return query.values(tx.db, "SELECT id FROM commits WHERE base = ?", (row.id,))


def _refuse_readers(tx: Transaction, rows: Collection[_Row]) -> None:
    """Raise `CommitInUse` when a job that stays read one of the commits, or one of their own jobs is under way."""
    going = {(row.project, row.repo_name, row.uuid) for row in rows}
    for row in rows:
        for job in query.rows(tx.db, _READERS, (row.project, row.repo_name, row.uuid)):
            if job.state < JOB_TERMINAL_FROM:
                raise CommitInUse(f"the job {job.name}@{job.uuid} reads {row}", hint="runner job wait, or job stop")
            if job.commit_id is not None and (job.project, job.name, job.uuid) not in going:
                raise CommitInUse(
                    f"{job.name}@{job.uuid} was made from {row}", hint="take the whole set by its ID, or that one first"
                )


def _remove(tx: Transaction, row: _Row) -> None:
    """Take one commit out: history goes around it, and what it changed goes into what stands on it."""
    folders.forget(tx, [row.id, *_children(tx, row)])
    query.update(tx.db, "commits", {"parent": row.parent}, "parent = ?", (row.id,))
    for number in _standing(tx, row):
        own = query.value(tx.db, "SELECT layers FROM commits WHERE id = ?", (number,))
        layers = json.dumps([*json.loads(own), *json.loads(row.layers)])
        query.update(tx.db, "commits", {"layers": layers, "base": row.base}, "id = ?", (number,))
        commits.own(tx, number, json.loads(row.layers))
    tx.db.execute("DELETE FROM provenance WHERE commit_id = ?", (row.id,))
    query.update(tx.db, "job", {"commit_id": None}, "commit_id = ?", (row.id,))
    tx.db.execute("DELETE FROM commits WHERE id = ?", (row.id,))
