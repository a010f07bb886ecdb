"""Repos: names of histories."""

from __future__ import annotations

from collections.abc import Sequence

from runner.model.address import DEFAULT_BRANCH, check_name
from runner.model.commit import Repo
from runner.model.errors import Conflict, NotFound
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection, Row
from runner.store.history import projects
from runner.store.store import Store
from runner.store.times import from_us


class NoSuchRepo(NotFound):
    """There is no repo of that name."""


class RepoExists(Conflict):
    """The repo is there already."""


_SELECT = f"""
    SELECT r.*, coalesce(c.bytes, 0) AS size_bytes
    FROM repo r LEFT JOIN branch b ON b.repo = r.id AND b.name = '{DEFAULT_BRANCH}' LEFT JOIN commits c ON c.id = b.head
"""  # noqa: S608  # a constant


async def create(store: Store, project: str, name: str, description: str = "") -> Repo:
    """Make a repo.

    Raises:
        InvalidName, NoSuchProject, RepoExists.
    """
    check_name("repo", name)

    def insert(tx: Transaction) -> Repo:
        if find(tx.db, project, name) is not None:
            raise RepoExists(f"the repo {name} exists already")
        ensure(tx, project, name, description)
        return Repo(project, name, from_us(tx.now_us), description)

    return await store.writer.write(insert)


async def list_repos(store: Store, project: str) -> Sequence[Repo]:
    """Return the repos of a project by name."""
    projects.require(store.catalog.db, project)
    found = query.rows(store.catalog.db, f"{_SELECT} WHERE r.project = ? ORDER BY r.name", (project,))
    return [_repo(row) for row in found]


async def inspect(store: Store, project: str, name: str) -> Repo:
    """Look a repo up; raises `NoSuchRepo`."""
    db = store.catalog.db
    return _repo(query.one(db, f"{_SELECT} WHERE r.id = ?", (require(db, project, name),)))


def find(db: Connection, project: str, name: str) -> int | None:
    """Return the number of a repo, if there is one of that name."""
    found: int | None = query.value(db, "SELECT id FROM repo WHERE project = ? AND name = ?", (project, name))
    return found


def require(db: Connection, project: str, name: str) -> int:
    """Return the number of a repo; raises `NoSuchRepo`."""
    found = find(db, project, name)
    if found is None:
        raise NoSuchRepo(f"there is no repo {name} in the project {project}", hint="runner repo list shows them")
    return found


def ensure(tx: Transaction, project: str, name: str, description: str = "") -> int:
    """Return the number of a repo, making it when it is missing; raises `InvalidName`, `NoSuchProject`."""
    found = find(tx.db, project, name)
    if found is not None:
        return found
    check_name("repo", name)
    projects.require(tx.db, project)
    values = {"project": project, "name": name, "description": description, "created_us": tx.now_us}
    return query.insert_numbered(tx.db, "repo", values)


def _repo(row: Row) -> Repo:
    return Repo(row.project, row.name, from_us(row.created_us), row.description, row.size_bytes)
