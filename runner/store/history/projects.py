"""Projects: the namespaces of repos and pipelines. `default` is always there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runner.model.address import check_name
from runner.model.errors import Conflict, NotFound
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.store import Store
from runner.store.times import from_us


class NoSuchProject(NotFound):
    """There is no project of that name."""


class ProjectExists(Conflict):
    """The project is there already."""


class ProjectInUse(Conflict):
    """The project still has repos or pipelines."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project."""

    name: str
    description: str
    created: datetime


async def create(store: Store, name: str, description: str = "") -> Project:
    """Make a project.

    Raises:
        InvalidName, ProjectExists.
    """
    check_name("project", name)

    def insert(tx: Transaction) -> Project:
        if _exists(tx.db, name):
            raise ProjectExists(f"the project {name} exists already")
        values = {"name": name, "description": description, "created_us": tx.now_us}
        query.insert(tx.db, "project", values)
        return Project(name, description, from_us(tx.now_us))

    return await store.writer.write(insert)


async def list_projects(store: Store) -> Sequence[Project]:
    """Return all projects by name."""
    rows = query.rows(store.catalog.db, "SELECT * FROM project ORDER BY name")
    return [Project(row.name, row.description, from_us(row.created_us)) for row in rows]


async def inspect(store: Store, name: str) -> Project:
    """Look a project up; raises `NoSuchProject`."""
    require(store.catalog.db, name)
    return next(project for project in await list_projects(store) if project.name == name)


async def delete(store: Store, name: str) -> None:
    """Remove an empty project.

    Raises:
        NoSuchProject, ProjectInUse.
    """

    def remove(tx: Transaction) -> None:
        require(tx.db, name)
        for table in ("repo", "pipeline"):
            if query.exists(tx.db, f"SELECT 1 FROM {table} WHERE project = ?", (name,)):  # noqa: S608  # two names
                raise ProjectInUse(f"the project {name} still has a {table}", hint="delete what is in it first")
        tx.db.execute("DELETE FROM project WHERE name = ?", (name,))

    await store.writer.write(remove)


def require(db: Connection, name: str) -> None:
    """Raise `NoSuchProject` unless there is one of that name."""
    if not _exists(db, name):
        raise NoSuchProject(
            f"there is no project {name}", hint="runner project list shows them; runner project create NAME makes one"
        )


def _exists(db: Connection, name: str) -> bool:
    return query.exists(db, "SELECT 1 FROM project WHERE name = ?", (name,))
