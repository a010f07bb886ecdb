"""Registered pipelines: each effective spec that a pipeline ever had is a version of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.model.address import DEFAULT_BRANCH, check_name
from runner.model.errors import Invalid, NotFound
from runner.model.ids import new_commit_id
from runner.model.pipeline import Pipeline
from runner.model.provenance import canonical
from runner.store import events, projects, refs, repos, triggers
from runner.store.catalog import tables as t
from runner.store.catalog.engine import Transaction
from runner.store.store import Store
from runner.store.times import from_us


class PipelineWatched(Invalid):
    """Workers run the pipeline by another spec, and commit to the same branch."""


class NoSuchPipeline(NotFound):
    """There is no pipeline of that name, or no such version of it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A pipeline at its newest version.

    Attributes:
        version: 1-based.
        digest: Of the effective spec.
        created: The pipeline, not the version.
    """

    project: str
    name: str
    version: int
    digest: str
    created: datetime


_other = t.pipeline_version.alias("other")
_SELECT = (
    sa.select(t.pipeline, t.pipeline_version.c.version, t.pipeline_version.c.digest)
    .join(t.pipeline_version, t.pipeline_version.c.pipeline == t.pipeline.c.id)
    .where(
        t.pipeline_version.c.version
        == sa.select(sa.func.max(_other.c.version)).where(_other.c.pipeline == t.pipeline.c.id).scalar_subquery()
    )
    .order_by(t.pipeline.c.name)
)


async def register(store: Store, pipeline: Pipeline) -> int:
    """Make *pipeline* the newest version of its name, and its output repo and branch when they are missing.

    Returns:
        Its version; the newest one again when that has the same digest.

    Raises:
        InvalidName, NoSuchProject.
    """

    def insert(tx: Transaction) -> int:
        number = _ensure(tx, pipeline.project, pipeline.name)
        refs.ensure(tx, repos.ensure(tx, pipeline.project, pipeline.name), pipeline.output_branch)
        newest = tx.sql.execute(_SELECT.where(t.pipeline.c.id == number)).first()
        if newest is not None and newest.digest == pipeline.digest:
            return int(newest.version)
        version = 1 if newest is None else int(newest.version) + 1
        row = {"pipeline": number, "version": version, "digest": pipeline.digest, "spec": canonical(pipeline.spec)}
        tx.sql.execute(sa.insert(t.pipeline_version).values(**row, created_us=tx.now_us))
        return version

    return await store.writer.write(insert)


async def register_run(store: Store, pipeline: Pipeline) -> int:
    """Register *pipeline* for one run, as `register` does; what workers run by its name stays as it is.

    Raises:
        PipelineWatched: Its output would stand among that of another spec.
    """
    sql = store.catalog.sql
    number = _find(sql, pipeline.project, pipeline.name)
    watched = None if number is None else triggers.watched_version(sql, number)
    if number is not None and watched is not None:
        columns = t.pipeline_version.c
        row = sql.execute(
            sa.select(columns.digest, columns.spec).where(columns.pipeline == number, columns.version == watched)
        ).one()
        branch = json.loads(row.spec).get("outputBranch", DEFAULT_BRANCH)
        if row.digest != pipeline.digest and branch == pipeline.output_branch:
            raise PipelineWatched(
                f"workers run the pipeline {pipeline.name} by another spec, on its branch {branch}",
                hint="run this one with --branch NAME, or start the worker with it",
            )
    return await register(store, pipeline)


async def watch(store: Store, pipeline: Pipeline) -> int:
    """Register *pipeline*, and let the branches that it reads make jobs of it.

    One that is new, or changed, has a job at once, of what the branches hold now.

    Returns:
        Its number, for `runner.store.begin.take_job`.

    Raises:
        InvalidName, NoSuchProject.
    """
    version = await register(store, pipeline)

    def begin(tx: Transaction) -> int:
        number = require(tx.sql, pipeline.project, pipeline.name)
        watcher = triggers.Watcher(number, version, pipeline)
        triggers.watch(tx, watcher)
        made = sa.select(t.job.c.id).where(t.job.c.pipeline == number, t.job.c.version == version)
        if tx.sql.execute(made).first() is None:
            triggers.notice_heads(tx, watcher, new_commit_id())
        return number

    number = await store.writer.write(begin)
    events.tell(store.folder)
    return number


async def list_pipelines(store: Store, project: str) -> Sequence[Registered]:
    """Return the pipelines of a project by name; raises `NoSuchProject`."""
    projects.require(store.catalog.sql, project)
    return [_registered(row) for row in store.catalog.rows(_SELECT.where(t.pipeline.c.project == project))]


async def inspect(store: Store, project: str, name: str) -> Registered:
    """Look a pipeline up; raises `NoSuchPipeline`."""
    number = require(store.catalog.sql, project, name)
    return _registered(store.catalog.rows(_SELECT.where(t.pipeline.c.id == number))[0])


async def spec_of(store: Store, project: str, name: str, version: int) -> Mapping[str, Any]:
    """Return the effective spec of a version; raises `NoSuchPipeline`."""
    number = require(store.catalog.sql, project, name)
    version_table = t.pipeline_version.c
    row = store.catalog.row(
        sa.select(version_table.spec).where(version_table.pipeline == number, version_table.version == version)
    )
    if row is None:
        raise NoSuchPipeline(f"the pipeline {name} has no version {version}")
    spec: Mapping[str, Any] = json.loads(row.spec)
    return spec


def require(sql: sa.Connection, project: str, name: str) -> int:
    """Return the number of a pipeline; raises `NoSuchPipeline`."""
    number = _find(sql, project, name)
    if number is None:
        raise NoSuchPipeline(f"there is no pipeline {name} in the project {project}", hint="runner pipeline list")
    return number


def _find(sql: sa.Connection, project: str, name: str) -> int | None:
    number: int | None = sql.execute(
        sa.select(t.pipeline.c.id).where(t.pipeline.c.project == project, t.pipeline.c.name == name)
    ).scalar()
    return number


def _ensure(tx: Transaction, project: str, name: str) -> int:
    found = _find(tx.sql, project, name)
    if found is not None:
        return found
    check_name("pipeline", name)
    projects.require(tx.sql, project)
    values = {"project": project, "name": name, "created_us": tx.now_us}
    number: int = tx.sql.execute(sa.insert(t.pipeline).values(values).returning(t.pipeline.c.id)).scalar_one()
    return number


def _registered(row: sa.Row[Any]) -> Registered:
    return Registered(row.project, row.name, row.version, row.digest, from_us(row.created_us))
