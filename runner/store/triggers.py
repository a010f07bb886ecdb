"""Which jobs a move of a branch makes, in the transaction that moves it.

A commit on a branch makes one job of each pipeline that watches it, and of those that watch the output of these, all
under the id of that commit: a pipeline that is reached in two ways (a diamond) gets one job. A job whose inputs are yet
to come waits for them; when one will not come, it cannot run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from runner.model.ids import CommitId
from runner.model.job import JobInput, JobState
from runner.model.pipeline import PfsInput, Pipeline
from runner.store import newjobs, refs
from runner.store.catalog import tables as t
from runner.store.catalog.codes import JOB_STATE
from runner.store.catalog.engine import Transaction

UNRUNNABLE_STATUS = 3

_WATCHERS = "SELECT pipeline, version FROM trigger WHERE project = ? AND repo = ? AND branch = ? ORDER BY pipeline"
_SPEC = "SELECT spec FROM pipeline_version WHERE pipeline = ? AND version = ?"
_HEAD = """
    SELECT c.uuid FROM branch b JOIN repo r ON r.id = b.repo JOIN commits c ON c.id = b.head
    WHERE r.project = ? AND r.name = ? AND b.name = ?
"""
_WAITING_FOR = """
    SELECT j.id FROM job j JOIN queue q ON q.job = j.id JOIN job_input i ON i.job = j.id
    WHERE j.state = ? AND i.project = ? AND i.repo = ? AND i.uuid = ? ORDER BY j.id
"""


class Place(NamedTuple):
    """A branch by its names."""

    project: str
    repo: str
    branch: str


class Watcher(NamedTuple):
    """A pipeline at one of its versions."""

    number: int
    version: int
    pipeline: Pipeline

    @property
    def output(self) -> Place:
        """Where its jobs commit."""
        return Place(self.pipeline.project, self.pipeline.name, self.pipeline.output_branch)


def watch(tx: Transaction, watcher: Watcher) -> None:
    """Let the branches that a pipeline reads make jobs of it, and no others."""
    number, version, pipeline = watcher
    tx.sql.execute(sa.delete(t.trigger).where(t.trigger.c.pipeline == number))
    for place in {_place_of(leaf) for leaf in _inputs(pipeline)}:
        tx.sql.execute(sa.insert(t.trigger).values(pipeline=number, version=version, **place._asdict()))


def watched_version(sql: sa.Connection, pipeline: int) -> int | None:
    """Return the version of a pipeline whose jobs are made by triggers; None: no branch makes any."""
    found: int | None = sql.execute(sa.select(t.trigger.c.version).where(t.trigger.c.pipeline == pipeline)).scalar()
    return found


def notice(tx: Transaction, ref: refs.Ref, commit: CommitId) -> int:
    """Make the jobs of a commit that a branch now points at; return how many."""
    project, repo = tx.db.execute("SELECT project, name FROM repo WHERE id = ?", (ref.repo,)).fetchone()
    moved = Place(project, repo, ref.name)
    if tx.db.execute(_WATCHERS, moved).fetchone() is None:
        return 0
    return sum(_enqueue(tx, watcher, commit, inputs) for watcher, inputs in _pinned(tx, moved, commit))


def notice_heads(tx: Transaction, watcher: Watcher, job_id: CommitId) -> int:
    """Make a job of what the branches of a pipeline hold now, if all of them hold something; return how many."""
    inputs = _inputs_at(tx, watcher.pipeline, {})
    return 0 if inputs is None else _enqueue(tx, watcher, job_id, inputs)


def _enqueue(tx: Transaction, watcher: Watcher, job_id: CommitId, inputs: Sequence[JobInput]) -> int:
    """Make a job for the workers, unless the pipeline has one of that id; return how many were made."""
    number, version, pipeline = watcher
    if newjobs.find(tx, number, job_id) is not None:
        return 0
    key = newjobs.Key(number, version, job_id)
    job = newjobs.insert(tx, key, pipeline, inputs, state=JobState.CREATED)
    tx.sql.execute(sa.insert(t.queue).values(job=job))
    return 1


def give_up_downstream(tx: Transaction, job: int) -> None:
    """End the jobs that wait for the output of one that made none, and those that wait for theirs."""
    failed = [job]
    while failed:
        row = tx.sql.execute(
            sa.select(t.job.c.uuid, t.repo.c.project, t.repo.c.name)
            .join(t.repo, t.repo.c.id == t.job.c.output_repo)
            .where(t.job.c.id == failed.pop())
        ).first()
        if row is None:
            continue
        waiting = (JOB_STATE.code(JobState.CREATED), row.project, row.name, row.uuid)
        for (number,) in tx.db.execute(_WAITING_FOR, waiting).fetchall():
            values = {
                "state": JOB_STATE.code(JobState.UNRUNNABLE),
                "status": UNRUNNABLE_STATUS,
                "reason": f"its input {row.name}@{row.uuid} will not come: that job did not succeed",
                "finished_us": tx.now_us,
            }
            tx.sql.execute(sa.update(t.job).where(t.job.c.id == number).values(values))
            tx.sql.execute(sa.delete(t.queue).where(t.queue.c.job == number))
            failed.append(number)


def _pinned(tx: Transaction, moved: Place, commit: CommitId) -> list[tuple[Watcher, Sequence[JobInput]]]:
    """Return the pipelines that a commit reaches, each with its inputs; without those whose inputs hold nothing."""
    unable: set[int] = set()
    while True:
        reached = _reach(tx, moved, unable)
        fresh = {moved: commit, **dict.fromkeys((watcher.output for watcher in reached), commit)}
        found = [(watcher, _inputs_at(tx, watcher.pipeline, fresh)) for watcher in reached]
        missing = {watcher.number for watcher, inputs in found if inputs is None}
        if not missing:
            return [(watcher, inputs) for watcher, inputs in found if inputs is not None]
        unable |= missing


def _reach(tx: Transaction, moved: Place, unable: set[int]) -> list[Watcher]:
    """Return the pipelines downstream of a branch, those nearer to it first."""
    reached: dict[int, Watcher] = {}
    places = [moved]
    for place in places:
        for number, version in tx.db.execute(_WATCHERS, place).fetchall():
            if number not in reached and number not in unable:
                reached[number] = _watcher(tx, number, version)
                places.append(reached[number].output)
    return list(reached.values())


def _watcher(tx: Transaction, number: int, version: int) -> Watcher:
    from runner.spec.effective import pipeline_of

    (spec,) = tx.db.execute(_SPEC, (number, version)).fetchone()
    return Watcher(number, version, pipeline_of(json.loads(spec)))


def _inputs_at(tx: Transaction, pipeline: Pipeline, fresh: Mapping[Place, CommitId]) -> Sequence[JobInput] | None:
    """Return a pipeline's inputs, each at the commit in *fresh* or at its head; None: one holds nothing."""
    inputs = []
    for leaf in _inputs(pipeline):
        place = _place_of(leaf)
        commit = fresh.get(place)
        if commit is None:
            row = tx.db.execute(_HEAD, place).fetchone()
            if row is None:
                return None
            commit = CommitId(row[0])
        inputs.append(JobInput(leaf.name, leaf.project, leaf.repo, leaf.branch, commit, s3=leaf.s3))
    return inputs or None


def _inputs(pipeline: Pipeline) -> list[PfsInput]:
    return [leaf for leaf in pipeline.leaves() if isinstance(leaf, PfsInput)]


def _place_of(leaf: PfsInput) -> Place:
    return Place(leaf.project, leaf.repo, leaf.branch)
