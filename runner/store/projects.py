"""Projects: the namespaces of repos and pipelines. `default` is always there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from runner.model.address import check_name
from runner.model.errors import Conflict, NotFound
from runner.store.catalog import tables as t
from runner.store.catalog.engine import Transaction, core
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
        if core(tx.db, sa.select(t.project).where(t.project.c.name == name)).first() is not None:
            raise ProjectExists(f"the project {name} exists already")
        core(tx.db, sa.insert(t.project).values(name=name, description=description, created_us=tx.now_us))
        return Project(name, description, from_us(tx.now_us))

    return await store.writer.write(insert)


async def list_projects(store: Store) -> Sequence[Project]:
    """Return all projects by name."""
    rows = store.catalog.rows(sa.select(t.project).order_by(t.project.c.name))
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
        for table in (t.repo, t.pipeline):
            if core(tx.db, sa.select(table.c.id).where(table.c.project == name)).first() is not None:
                raise ProjectInUse(f"the project {name} still has a {table.name}", hint="delete what is in it first")
        core(tx.db, sa.delete(t.project).where(t.project.c.name == name))

    await store.writer.write(remove)


def require(db: Connection, name: str) -> None:
    """Raise `NoSuchProject` unless there is one of that name."""
    if core(db, sa.select(t.project.c.name).where(t.project.c.name == name)).first() is None:
        raise NoSuchProject(
            f"there is no project {name}", hint="runner project list shows them; runner project create NAME makes one"
        )
