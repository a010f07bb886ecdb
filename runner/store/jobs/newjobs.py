"""The rows of a new job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner.model.ids import CommitId
from runner.model.job import JobInput, JobState
from runner.model.pipeline import Pipeline
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction
from runner.store.history import refs, repos

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
    same = (pipeline, job_id)
    number: int | None = query.value(tx.db, "SELECT id FROM job WHERE pipeline = ? AND uuid = ?", same)
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
    job = query.insert_numbered(tx.db, "job", values)
    _insert_inputs(tx, job, inputs)
    return job


def change(tx: Transaction, job: int, version: int, pipeline: Pipeline, inputs: Sequence[JobInput]) -> None:
    """Let a job that waits be one of another *version* of its pipeline, with other inputs."""
    refs.ensure(tx, repos.require(tx.db, pipeline.project, pipeline.name), pipeline.output_branch)
    values = {"version": version, "output_branch": pipeline.output_branch}
    query.update(tx.db, "job", values, "id = ?", (job,))
    tx.db.execute("DELETE FROM job_input WHERE job = ?", (job,))
    _insert_inputs(tx, job, inputs)


def _insert_inputs(tx: Transaction, job: int, inputs: Sequence[JobInput]) -> None:
    for n, each in enumerate(inputs):
        values = {
            "job": job,
            "n": n,
            "name": each.name,
            "project": each.project,
            "repo": each.repo,
            "branch": each.branch,
            "uuid": each.commit,
            "s3": int(each.s3),
        }
        query.insert(tx.db, "job_input", values)
