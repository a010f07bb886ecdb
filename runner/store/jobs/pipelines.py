"""Registered pipelines: each effective spec that a pipeline ever had is a version of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from runner.model.address import DEFAULT_BRANCH, check_name
from runner.model.errors import Invalid, NotFound
from runner.model.pipeline import Pipeline, PipelineState
from runner.model.provenance import canonical
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import projects, refs, repos
from runner.store.store import Store
from runner.store.times import from_us

SALT = "salt"


class PipelineWatched(Invalid):
    """Workers run the pipeline by another spec, and commit to the same branch."""


class NoSuchPipeline(NotFound):
    """There is no pipeline of that name, or no such version of it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A pipeline at the version that workers run, or else at its newest.

    Attributes:
        version: 1-based.
        digest: Of the effective spec.
        created: The pipeline, not the version.
        state: Whether workers run it; None: it was only run by hand.
        newest: Its newest version, which may be one that was run by hand.
    """

    project: str
    name: str
    version: int
    digest: str
    created: datetime
    state: PipelineState | None
    newest: int


_SELECT = """
    SELECT p.project, p.name, p.created_us, v.version, v.digest, r.is_stopped, n.version AS newest FROM pipeline p
    JOIN pipeline_version n ON n.pipeline = p.id
    AND n.version = (SELECT max(l.version) FROM pipeline_version l WHERE l.pipeline = p.id)
    LEFT JOIN registration r ON r.pipeline = p.id
    JOIN pipeline_version v ON v.pipeline = p.id AND v.version = coalesce(r.version, n.version)
"""
_SAME = """
    SELECT version FROM pipeline_version WHERE pipeline = ? AND digest = ? AND version IN (?, ?)
    ORDER BY version DESC LIMIT 1
"""


async def register(store: Store, pipeline: Pipeline) -> int:
    """Make *pipeline* the newest version of its name, and its output repo and branch when they are missing.

    Returns:
        Its version; the newest one again when that has the same digest.

    Raises:
        InvalidName, NoSuchProject.
    """
    return await store.writer.write(lambda tx: add_version(tx, pipeline))


def add_version(tx: Transaction, pipeline: Pipeline) -> int:
    """Register a version, as `register` does."""
    number = _ensure(tx, pipeline.project, pipeline.name)
    refs.ensure(tx, repos.ensure(tx, pipeline.project, pipeline.name), pipeline.output_branch)
    newest = 0
    found = query.row(tx.db, f"{_SELECT} WHERE p.id = ?", (number,))
    if found is not None:
        newest = found.newest
        same: int | None = query.value(tx.db, _SAME, (number, pipeline.digest, newest, found.version))
        if same is not None:
            return same
    values = {
        "pipeline": number,
        "version": newest + 1,
        "digest": pipeline.digest,
        "spec": canonical(pipeline.spec),
        "created_us": tx.now_us,
    }
    query.insert(tx.db, "pipeline_version", values)
    return newest + 1


async def register_run(store: Store, pipeline: Pipeline) -> int:
    """Register *pipeline* for one run, as `register` does; what workers run by its name stays as it is.

    Raises:
        PipelineWatched: Its output would stand among that of another spec.
    """
    db = store.catalog.db
    number = find(db, pipeline.project, pipeline.name)
    watched = None if number is None else registered_version(db, number)
    if number is not None and watched is not None:
        pipeline = as_registered(db, number, pipeline)
        branch = spec_at(db, number, watched).get("outputBranch", DEFAULT_BRANCH)
        if _digest(db, number, watched) != pipeline.digest and branch == pipeline.output_branch:
            raise PipelineWatched(
                f"workers run the pipeline {pipeline.name} by another spec, on its branch {branch}",
                hint="run this one with --branch NAME, or change theirs with runner pipeline update",
            )
    return await register(store, pipeline)


def registered_version(db: Connection, pipeline: int) -> int | None:
    """Return the version of a pipeline that workers run; None: they run none."""
    found: int | None = query.value(db, "SELECT version FROM registration WHERE pipeline = ?", (pipeline,))
    return found


def as_registered(db: Connection, number: int, pipeline: Pipeline) -> Pipeline:
    """Return *pipeline* with the salt that it is registered with, unless its spec gives one.

    Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/pps/server/api_server.go
    """
    version = registered_version(db, number)
    salt = None if version is None else spec_at(db, number, version).get(SALT)
    if salt is None or pipeline.spec.get(SALT):
        return pipeline
    return with_salt(pipeline, salt)


def with_salt(pipeline: Pipeline, salt: str) -> Pipeline:
    """Return *pipeline* with another salt in its spec: of the same command, output branch and limits."""
    from runner.spec.effective import pipeline_of

    salted = pipeline_of({**pipeline.spec, SALT: salt})
    return replace(pipeline, spec=salted.spec, digest=salted.digest)


async def list_pipelines(store: Store, project: str) -> Sequence[Registered]:
    """Return the pipelines of a project by name; raises `NoSuchProject`."""
    db = store.catalog.db
    projects.require(db, project)
    return [_registered(row) for row in query.rows(db, f"{_SELECT} WHERE p.project = ? ORDER BY p.name", (project,))]


async def inspect(store: Store, project: str, name: str) -> Registered:
    """Look a pipeline up; raises `NoSuchPipeline`."""
    db = store.catalog.db
    return _registered(query.one(db, f"{_SELECT} WHERE p.id = ?", (require(db, project, name),)))


async def spec_of(store: Store, project: str, name: str, version: int) -> Mapping[str, Any]:
    """Return the effective spec of a version; raises `NoSuchPipeline`."""
    db = store.catalog.db
    return spec_at(db, require(db, project, name), version)


def spec_at(db: Connection, pipeline: int, version: int) -> Mapping[str, Any]:
    """Return the effective spec of a version of the pipeline of that number; raises `NoSuchPipeline`."""
    statement = "SELECT spec FROM pipeline_version WHERE pipeline = ? AND version = ?"
    text = query.value(db, statement, (pipeline, version))
    if text is None:
        raise NoSuchPipeline(f"the pipeline has no version {version}")
    spec: Mapping[str, Any] = json.loads(text)
    return spec


def pipeline_at(db: Connection, pipeline: int, version: int) -> Pipeline:
    """Return a version of the pipeline of that number; raises `NoSuchPipeline`."""
    from runner.spec.effective import pipeline_of

    return pipeline_of(spec_at(db, pipeline, version))


def _digest(db: Connection, pipeline: int, version: int) -> str:
    statement = "SELECT digest FROM pipeline_version WHERE pipeline = ? AND version = ?"
    (digest,) = query.one(db, statement, (pipeline, version))
    return str(digest)


def numbers(db: Connection, project: str) -> Sequence[int]:
    """Return the numbers of all pipelines of a project."""
    return query.values(db, "SELECT id FROM pipeline WHERE project = ?", (project,))


def require(db: Connection, project: str, name: str) -> int:
    """Return the number of a pipeline; raises `NoSuchPipeline`."""
    number = find(db, project, name)
    if number is None:
        raise NoSuchPipeline(f"there is no pipeline {name} in the project {project}", hint="runner pipeline list")
    return number


def find(db: Connection, project: str, name: str) -> int | None:
    """Return the number of a pipeline, if there is one of that name."""
    number: int | None = query.value(db, "SELECT id FROM pipeline WHERE project = ? AND name = ?", (project, name))
    return number


def _ensure(tx: Transaction, project: str, name: str) -> int:
    found = find(tx.db, project, name)
    if found is not None:
        return found
    check_name("pipeline", name)
    projects.require(tx.db, project)
    values = {"project": project, "name": name, "created_us": tx.now_us}
    return query.insert_numbered(tx.db, "pipeline", values)


def _registered(row: query.Row) -> Registered:
    state = None if row.is_stopped is None else PipelineState.PAUSED if row.is_stopped else PipelineState.RUNNING
    return Registered(row.project, row.name, row.version, row.digest, from_us(row.created_us), state, row.newest)
