"""The rows of a new job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

import sqlalchemy as sa

from runner.model.ids import CommitId
from runner.model.job import JobInput, JobState
from runner.model.pipeline import Pipeline
from runner.store import refs, repos
from runner.store.catalog import tables as t
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction, core

COUNTERS = (
    "data_total",
    "data_processed",
    "data_skipped",
    "data_failed",
    "data_recovered",
    "read_bytes",
    "written_bytes",
)
"""All zero as often as a job begins."""


class Key(NamedTuple):
    """Whose job it is: numbers of pipeline and version, and the id, also of the commit that it will make."""

    pipeline: int
    version: int
    id: CommitId


def find(tx: Transaction, pipeline: int, job_id: CommitId) -> int | None:
    """Return the number of a pipeline's job of that id; None: it has none."""
    same = (t.job.c.pipeline == pipeline, t.job.c.uuid == job_id)
    number: int | None = core(tx.db, sa.select(t.job.c.id).where(*same)).scalar()
    return number


def insert(tx: Transaction, key: Key, pipeline: Pipeline, inputs: Sequence[JobInput], *, state: JobState) -> int:
    """Write them; return the job's number.

    Args:
        tx: The transaction.
        key: Of the job.
        pipeline: As the version in *key* has it.
        inputs: Pinned to commits, which may be yet to come.
        state: CREATED or STARTING.
    """
    repo = repos.require(tx.db, pipeline.project, pipeline.name)
    refs.ensure(tx, repo, pipeline.output_branch)
    values = {
        "pipeline": key.pipeline,
        "uuid": key.id,
        "version": key.version,
        "state": JOB_STATE.code(state),
        "output_repo": repo,
        "output_branch": pipeline.output_branch,
        "reason": "",
        "restarts": 0,
        "created_us": tx.now_us,
        **dict.fromkeys(COUNTERS, 0),
    }
    job: int = core(tx.db, sa.insert(t.job).values(values).returning(t.job.c.id)).scalar_one()
    _insert_inputs(tx, job, inputs)
    return job


def change(tx: Transaction, job: int, version: int, pipeline: Pipeline, inputs: Sequence[JobInput]) -> None:
    """Let a job that waits be one of another *version* of its pipeline, with other inputs."""
    refs.ensure(tx, repos.require(tx.db, pipeline.project, pipeline.name), pipeline.output_branch)
    values = {"version": version, "output_branch": pipeline.output_branch}
    core(tx.db, sa.update(t.job).where(t.job.c.id == job).values(values))
    core(tx.db, sa.delete(t.job_input).where(t.job_input.c.job == job))
    _insert_inputs(tx, job, inputs)


def _insert_inputs(tx: Transaction, job: int, inputs: Sequence[JobInput]) -> None:
    for n, each in enumerate(inputs):
        row = asdict(each)
        row["uuid"] = row.pop("commit")
        core(tx.db, sa.insert(t.job_input).values(job=job, n=n, **row))
