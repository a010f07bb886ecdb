"""Removing a repo with its history."""

from __future__ import annotations

from runner.model.errors import Conflict
from runner.store import documents, repos, staged, versions
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.store import Store

_REMOVE = (
    "DELETE FROM provenance WHERE commit_id IN (SELECT id FROM commits WHERE repo = ?)",
    "DELETE FROM difference WHERE commit_id IN (SELECT id FROM commits WHERE repo = ?)",
    "DELETE FROM commits WHERE repo = ?",
    "DELETE FROM branch WHERE repo = ?",
    "DELETE FROM access WHERE repo = ?",
    "DELETE FROM repo WHERE id = ?",
)


class RepoInUse(Conflict):
    """A pipeline writes the repo."""


async def delete_repo(store: Store, project: str, name: str) -> None:
    """Remove a repo with its branches and commits; their bytes stay until they are collected.

    Raises:
        NoSuchRepo, RepoInUse.
    """

    def run(tx: Transaction) -> None:
        repo = repos.require(tx.db, project, name)
        if query.exists(tx.db, "SELECT 1 FROM pipeline WHERE project = ? AND name = ?", (project, name)):
            raise RepoInUse(
                f"the pipeline {name} writes the repo {name}, so it stays",
                hint=f"runner pipeline delete {name} removes both",
            )
        remove_repo(tx, repo)

    await store.writer.write(run)


def remove_repo(tx: Transaction, repo: int) -> None:
    """Remove a repo that no pipeline writes."""
    for name in query.values(tx.db, "SELECT name FROM branch WHERE repo = ?", (repo,)):
        branch = staged.BranchKey(repo, name)
        staged.drop(tx, branch)
        documents.drop(tx, branch)
        versions.drop(tx, branch)
    for statement in _REMOVE:
        tx.db.execute(statement, (repo,))
