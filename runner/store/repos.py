"""Repos: names of histories."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from runner.model.address import DEFAULT_BRANCH, check_name
from runner.model.commit import Repo
from runner.model.errors import Conflict, NotFound
from runner.store import documents, projects, staged, versions
from runner.store.catalog import tables as t
from runner.store.catalog.engine import Transaction, core
from runner.store.catalog.query import Connection
from runner.store.store import Store
from runner.store.times import from_us


class NoSuchRepo(NotFound):
    """There is no repo of that name."""


class RepoExists(Conflict):
    """The repo is there already."""


class RepoInUse(Conflict):
    """A pipeline writes the repo."""


_SELECT = (
    sa.select(t.repo, sa.func.coalesce(t.commit.c.bytes, 0).label("size_bytes"))
    .outerjoin(t.branch, (t.branch.c.repo == t.repo.c.id) & (t.branch.c.name == DEFAULT_BRANCH))
    .outerjoin(t.commit, t.commit.c.id == t.branch.c.head)
    .order_by(t.repo.c.name)
)


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
    return [_repo(row) for row in store.catalog.rows(_SELECT.where(t.repo.c.project == project))]


async def inspect(store: Store, project: str, name: str) -> Repo:
    """Look a repo up; raises `NoSuchRepo`."""
    repo = require(store.catalog.db, project, name)
    return _repo(store.catalog.rows(_SELECT.where(t.repo.c.id == repo))[0])


async def delete(store: Store, project: str, name: str) -> None:
    """Remove a repo with its branches and commits; their bytes stay until they are collected.

    Raises:
        NoSuchRepo, RepoInUse.
    """

    def run(tx: Transaction) -> None:
        repo = require(tx.db, project, name)
        writer = sa.select(t.pipeline.c.name).where(t.pipeline.c.project == project, t.pipeline.c.name == name)
        if core(tx.db, writer).first() is not None:
            raise RepoInUse(
                f"the pipeline {name} writes the repo {name}, so it stays",
                hint=f"runner pipeline delete {name} removes both",
            )
        remove(tx, repo)

    await store.writer.write(run)


def remove(tx: Transaction, repo: int) -> None:
    """Remove a repo that no pipeline writes."""
    for name in core(tx.db, sa.select(t.branch.c.name).where(t.branch.c.repo == repo)).scalars().all():
        branch = staged.BranchKey(repo, name)
        staged.drop(tx, branch)
        documents.drop(tx, branch)
        versions.drop(tx, branch)
    commits = sa.select(t.commit.c.id).where(t.commit.c.repo == repo)
    core(tx.db, sa.delete(t.provenance).where(t.provenance.c.commit_id.in_(commits)))
    core(tx.db, sa.delete(t.commit).where(t.commit.c.repo == repo))
    core(tx.db, sa.delete(t.branch).where(t.branch.c.repo == repo))
    core(tx.db, sa.delete(t.access).where(t.access.c.repo == repo))
    core(tx.db, sa.delete(t.repo).where(t.repo.c.id == repo))


def find(db: Connection, project: str, name: str) -> int | None:
    """Return the number of a repo, if there is one of that name."""
    found: int | None = core(
        db, sa.select(t.repo.c.id).where(t.repo.c.project == project, t.repo.c.name == name)
    ).scalar()
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
    number: int = core(tx.db, sa.insert(t.repo).values(values).returning(t.repo.c.id)).scalar_one()
    return number


def _repo(row: sa.Row[tuple[object, ...]]) -> Repo:
    return Repo(row.project, row.name, from_us(row.created_us), row.description, row.size_bytes)
