"""Removing a repo with its history."""

from __future__ import annotations

from runner.model.errors import Conflict
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_TERMINAL_FROM
from runner.store.catalog.engine import Transaction
from runner.store.history import documents, repos, staged, versions
from runner.store.store import Store

_REMOVE = (
    "DELETE FROM provenance WHERE commit_id IN (SELECT id FROM commits WHERE repo = ?)",
    "DELETE FROM difference WHERE commit_id IN (SELECT id FROM commits WHERE repo = ?)",
    "DELETE FROM commits WHERE repo = ?",
    "DELETE FROM branch WHERE repo = ?",
    "DELETE FROM access WHERE repo = ?",
    "DELETE FROM repo WHERE id = ?",
)


_READER = f"""
    SELECT p.name, j.uuid FROM job j JOIN pipeline p ON p.id = j.pipeline
    JOIN job_input i ON i.job = j.id JOIN repo r ON r.project = i.project AND r.name = i.repo
    WHERE r.id = ? AND j.state < {JOB_TERMINAL_FROM} LIMIT 1
"""  # noqa: S608  # a constant


class RepoInUse(Conflict):
    """A pipeline writes the repo, or a job reads it."""


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


def refuse_readers(tx: Transaction, repo: int) -> None:
    """Raise `RepoInUse` when a job that has not ended reads a repo: its inputs never change."""
    reader = query.row(tx.db, _READER, (repo,))
    if reader is not None:
        name = query.value(tx.db, "SELECT name FROM repo WHERE id = ?", (repo,))
        raise RepoInUse(f"the job {reader.name}@{reader.uuid} reads {name}", hint="runner job wait, or job stop")


def remove_repo(tx: Transaction, repo: int) -> None:
    """Remove a repo that no pipeline writes; raises `RepoInUse` when a job reads it."""
    refuse_readers(tx, repo)
    for name in query.values(tx.db, "SELECT name FROM branch WHERE repo = ?", (repo,)):
        branch = staged.BranchKey(repo, name)
        staged.drop(tx, branch)
        documents.drop(tx, branch)
        versions.drop(tx, branch)
    for statement in _REMOVE:
        tx.db.execute(statement, (repo,))
