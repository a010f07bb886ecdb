"""Which jobs a move of a branch makes, in the transaction that moves it.

A commit on a branch makes one job of each pipeline that watches it, and of those that watch the output of these, all
under the id of that commit: a pipeline that is reached in two ways (a diamond) gets one job. A job whose inputs are yet
to come waits for them; when one will not come, it cannot run (`ends`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.model.commit import CommitState
from runner.model.ids import CommitId
from runner.model.job import JobInput, JobState
from runner.model.pipeline import CronInput, PfsInput, Pipeline
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_STATE, JOB_TERMINAL_FROM
from runner.store.catalog.engine import Transaction
from runner.store.history import refs
from runner.store.jobs import ends, followers, newjobs

_WATCHERS = """
    SELECT t.pipeline, g.version FROM trigger t JOIN registration g ON g.pipeline = t.pipeline
    WHERE t.project = ? AND t.repo = ? AND t.branch = ? AND g.is_stopped = 0 ORDER BY t.pipeline
"""
_REGISTER = """
    INSERT INTO registration (pipeline, version, is_stopped) VALUES (?, ?, 0)
    ON CONFLICT (pipeline) DO UPDATE SET version = excluded.version
"""
_SPEC = "SELECT spec FROM pipeline_version WHERE pipeline = ? AND version = ?"
_HEAD = """
    SELECT c.uuid FROM branch b JOIN repo r ON r.id = b.repo JOIN commits c ON c.id = b.head
    WHERE r.project = ? AND r.name = ? AND b.name = ?
"""


_NEWEST = f"""
    SELECT id FROM job WHERE pipeline = ? AND version = ? AND state <= {JOB_TERMINAL_FROM} ORDER BY id DESC LIMIT 1
"""  # noqa: S608  # a constant
_INPUTS = "SELECT name, uuid FROM job_input WHERE job = ? ORDER BY n"

_MISSING = f"""
    SELECT i.repo, i.uuid FROM job_input i
    LEFT JOIN repo r ON r.project = i.project AND r.name = i.repo
    LEFT JOIN commits c ON c.repo = r.id AND c.uuid = i.uuid AND c.state = {COMMIT_STATE.code(CommitState.FINISHED)}
    WHERE i.job = ? AND c.id IS NULL ORDER BY i.n
"""  # noqa: S608  # a constant

UPDATED = "all jobs killed because pipeline was updated"
"""Pachyderm's words for the end of a job that cannot begin anew by the new spec."""


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
    """Let the branches that a pipeline reads make jobs of it, and no others; a stopped one stays so."""
    number, version, pipeline = watcher
    unwatch(tx, number)
    places = {_place_of(leaf) for leaf in pipeline.leaves() if leaf.propagates}
    for place in places:
        query.insert(tx.db, "trigger", {"pipeline": number, **place._asdict()})
    followers.watch(tx, number, pipeline)
    query.write(tx.db, "registration", _REGISTER, (number, version))


def unwatch(tx: Transaction, pipeline: int) -> None:
    """Let no branch make jobs of a pipeline any more."""
    tx.db.execute("DELETE FROM trigger WHERE pipeline = ?", (pipeline,))
    followers.unwatch(tx, pipeline)


def notice(tx: Transaction, ref: refs.Ref, commit: CommitId) -> int:
    """Make the jobs of a commit that a branch now points at, and let branches follow it; return how many jobs."""
    project, repo = tx.db.execute("SELECT project, name FROM repo WHERE id = ?", (ref.repo,)).fetchone()
    moved = Place(project, repo, ref.name)
    made = 0
    if tx.db.execute(_WATCHERS, moved).fetchone() is not None:
        made = sum(_enqueue(tx, watcher, commit, inputs) for watcher, inputs in _pinned(tx, moved, commit))
    return made + sum(notice(tx, follower, commit) for follower in followers.move(tx, ref))


def notice_heads(tx: Transaction, watcher: Watcher, job_id: CommitId) -> int:
    """Make a job of what the branches of a pipeline hold now, if all of them hold something; return how many."""
    inputs = _inputs_at(tx, watcher.pipeline, {})
    return 0 if inputs is None else _enqueue(tx, watcher, job_id, inputs)


def notice_moved(tx: Transaction, watcher: Watcher, job_id: CommitId) -> int:
    """As `notice_heads`, unless the newest job of that spec that did not fail has the same inputs."""
    inputs = _inputs_at(tx, watcher.pipeline, {})
    if inputs is None:
        return 0
    newest = tx.db.execute(_NEWEST, (watcher.number, watcher.version)).fetchone()
    before = tx.db.execute(_INPUTS, newest).fetchall() if newest else []
    if before == [(each.name, each.commit) for each in inputs]:
        return 0
    return _enqueue(tx, watcher, job_id, inputs)


def repeat(tx: Transaction, watcher: Watcher, job: int, job_id: CommitId) -> int:
    """Make a job with the commits that another one had; return how many were made."""
    inputs = _inputs_at(tx, watcher.pipeline, _pins(tx, job))
    return 0 if inputs is None else _enqueue(tx, watcher, job_id, inputs)


def missing_inputs(tx: Transaction, job: int) -> list[str]:
    """Return the commits that a job was to read and that are not there: they never came, or went."""
    return [f"{repo}@{uuid}" for repo, uuid in tx.db.execute(_MISSING, (job,)).fetchall()]


def empty_inputs(tx: Transaction, pipeline: Pipeline) -> list[str]:
    """Return the branches that a pipeline reads and that hold nothing yet."""
    places = [_place_of(leaf) for leaf in pipeline.leaves()]
    return [f"{place.repo}@{place.branch}" for place in places if tx.db.execute(_HEAD, place).fetchone() is None]


def _enqueue(tx: Transaction, watcher: Watcher, job_id: CommitId, inputs: Sequence[JobInput]) -> int:
    """Make a job for the workers, unless the pipeline has one of that id; return how many were made."""
    number, version, pipeline = watcher
    if newjobs.find(tx, number, job_id) is not None:
        return 0
    key = newjobs.Key(number, version, job_id)
    job = newjobs.insert(tx, key, pipeline, inputs, state=JobState.CREATED)
    query.insert(tx.db, "queue", {"job": job})
    return 1


def renew(tx: Transaction, job: int) -> None:
    """Let a job that waits run by the spec by which its pipeline is registered now; its id and commits stay.

    An input that the spec did not have before is taken at its head; when that holds nothing, the job ends.
    """
    row = query.one(tx.db, "SELECT pipeline, version FROM job WHERE id = ?", (job,))
    watcher = find(tx, row.pipeline)
    if watcher is None or watcher.version == row.version:
        return
    inputs = _inputs_at(tx, watcher.pipeline, _pins(tx, job))
    if inputs is None:
        ends.end_waiting(tx, job, ends.End(JobState.KILLED, UPDATED, ends.STOPPED_STATUS))
    else:
        newjobs.change(tx, job, watcher.version, watcher.pipeline, inputs)


def _pins(tx: Transaction, job: int) -> Mapping[Place, CommitId]:
    pinned = tx.db.execute("SELECT project, repo, branch, uuid FROM job_input WHERE job = ?", (job,)).fetchall()
    return {Place(*place): CommitId(uuid) for *place, uuid in pinned}


def find(tx: Transaction, pipeline: int) -> Watcher | None:
    """Return a pipeline as it is registered; None: it is not."""
    row = tx.db.execute("SELECT version FROM registration WHERE pipeline = ?", (pipeline,)).fetchone()
    return None if row is None else _watcher(tx, pipeline, *row)


def loops(tx: Transaction, watcher: Watcher) -> list[str]:
    """Return the pipelines by way of which one would read its own output; of one that does not: none."""
    reached = _reach(tx, watcher.output, set())
    places = {_place_of(leaf) for leaf in watcher.pipeline.leaves()}
    return [each.pipeline.name for each in reached if each.output in places]


def readers(tx: Transaction, project: str, repo: str) -> list[str]:
    """Return the names of registered pipelines that read a repo, whether or not it makes jobs of them."""
    found = []
    for number, version in tx.db.execute("SELECT pipeline, version FROM registration ORDER BY pipeline").fetchall():
        pipeline = _watcher(tx, number, version).pipeline
        if any((leaf.project, leaf.repo) == (project, repo) for leaf in pipeline.leaves()):
            found.append(pipeline.name)
    return found


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
    for leaf in pipeline.leaves():
        place = _place_of(leaf)
        commit = fresh.get(place)
        if commit is None:
            row = tx.db.execute(_HEAD, place).fetchone()
            if row is None:
                return None
            commit = CommitId(row[0])
        inputs.append(JobInput(leaf.name, leaf.project, leaf.repo, leaf.branch, commit, s3=leaf.s3))
    return inputs or None


def _place_of(leaf: PfsInput | CronInput) -> Place:
    return Place(leaf.project, leaf.repo, leaf.branch)
