"""Registered pipelines: those whose jobs are made as branches move, for workers to run.

A pipeline that is registered has a job at once, of what its branches hold; so it has when its spec is changed, or when
it is started again. Jobs that have not ended by then are run by the new spec: those that wait as they are, those under
way anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from runner.model.commit import CommitOrigin
from runner.model.errors import Conflict, Invalid
from runner.model.ids import CommitId, new_commit_id
from runner.model.job import JobKey, JobState
from runner.model.pipeline import CronInput, Pipeline
from runner.store.catalog import query
from runner.store.catalog.codes import COMMIT_ORIGIN, JOB_STATE
from runner.store.catalog.engine import Transaction
from runner.store.history import refs, repos
from runner.store.jobs import jobs, newjobs, pipelines, queue, stops, triggers
from runner.store.jobs.pipelines import Registered
from runner.store.jobs.stops import Wish
from runner.store.jobs.triggers import Watcher
from runner.store.pipelines import clocks
from runner.store.store import Store

ANEW = "the pipeline was updated, so the job begins anew"

_RUNNING = "SELECT pipeline, version FROM registration WHERE is_stopped = 0 ORDER BY pipeline"
_OTHERS_UNFINISHED = f"""
    SELECT id, state, output_branch FROM job
    WHERE pipeline = ? AND version <> ? AND state < {JOB_STATE.code(JobState.FINISHING)} ORDER BY id
"""  # noqa: S608  # a constant


class PipelineExists(Conflict):
    """The pipeline is registered already."""


class NotRegistered(Invalid):
    """The pipeline was only run by hand, so there is nothing to do for workers."""


class PipelineStopped(Conflict):
    """The pipeline is stopped, so no job of it would be run."""


class WouldLoop(Invalid):
    """The pipeline would read its own output by way of others."""


class OutputTaken(Invalid):
    """The repo that the pipeline would write holds what clients wrote."""


class InputEmpty(Invalid):
    """There can be no job, because an input holds nothing yet."""


async def create(store: Store, pipeline: Pipeline) -> Registered:
    """Register a pipeline that is not registered yet.

    Raises:
        PipelineExists, WouldLoop, OutputTaken, InvalidName, NoSuchProject.
        NoSuchRepo: An input's repo is not there.
    """

    def write(tx: Transaction) -> None:
        number = pipelines.find(tx.db, pipeline.project, pipeline.name)
        if number is not None and pipelines.registered_version(tx.db, number) is not None:
            hint = f"runner pipeline update changes it; runner pipeline delete {pipeline.name} removes it"
            raise PipelineExists(f"the pipeline {pipeline.name} exists already", hint=hint)
        for leaf in pipeline.leaves():
            if not isinstance(leaf, CronInput):
                repos.require(tx.db, leaf.project, leaf.repo)
        _register(tx, pipeline)

    return await _write(store, pipeline, write)


async def update(store: Store, pipeline: Pipeline, *, reprocess: bool = False) -> Registered:
    """Let a registered pipeline have another spec; the same one changes nothing.

    Args:
        store: Where.
        pipeline: By its new spec.
        reprocess: Give it a new salt, so that no datum is as it was before.

    Raises:
        NoSuchPipeline, NotRegistered, WouldLoop.
    """

    def write(tx: Transaction) -> None:
        _require(tx, pipeline.project, pipeline.name)
        _register(tx, pipelines.with_salt(pipeline, new_commit_id()) if reprocess else pipeline)

    return await _write(store, pipeline, write)


async def watch(store: Store, pipeline: Pipeline) -> Registered:
    """Register a pipeline, or let it have that spec, whichever it takes; repos of inputs may come later.

    Raises:
        WouldLoop, OutputTaken, InvalidName, NoSuchProject.
    """
    return await _write(store, pipeline, lambda tx: _register(tx, pipeline))


async def stop(store: Store, project: str, name: str) -> None:
    """Let no jobs of a pipeline be made or begun; one under way goes on to its end. Twice: no change.

    Raises:
        NoSuchPipeline, NotRegistered.
    """
    await store.writer.write(lambda tx: _set_stopped(tx, _require(tx, project, name).number, is_stopped=True))


async def start(store: Store, project: str, name: str) -> None:
    """Go on where a pipeline was stopped, with a job of what moved meanwhile. Twice: no change.

    Raises:
        NoSuchPipeline, NotRegistered.
    """

    def write(tx: Transaction) -> None:
        watcher = _require(tx, project, name)
        if _set_stopped(tx, watcher.number, is_stopped=False):
            triggers.notice_moved(tx, watcher, new_commit_id())

    await store.writer.write(write)
    store.hints.tell()


async def require(store: Store, project: str, name: str) -> None:
    """Return when a pipeline is registered; raises `NoSuchPipeline`, `NotRegistered`."""
    await store.writer.write(lambda tx: _require(tx, project, name))


def clocks_of(store: Store, numbers: Collection[int]) -> list[CronInput]:
    """Return the clocks of registered pipelines, by their numbers, that are not stopped."""
    db = store.catalog.db
    if not query.exists(db, "SELECT 1 FROM clock LIMIT 1"):
        return []  # as most of the time, and this is asked often
    return [
        leaf
        for row in query.rows(db, _RUNNING)
        if row.pipeline in numbers
        for leaf in pipelines.pipeline_at(db, row.pipeline, row.version).leaves()
        if isinstance(leaf, CronInput)
    ]


async def run(store: Store, project: str, name: str, now: datetime) -> JobKey:
    """Make a job of what the branches of a pipeline hold now, whether or not there was one of the same.

    A pipeline with clocks gets a tick of *now* on each instead; its job is that of the last.

    Raises:
        NoSuchPipeline, NotRegistered, PipelineStopped, InputEmpty.
    """

    def write(tx: Transaction, job_id: CommitId) -> CommitId:
        watcher = _require_running(tx, project, name)
        has_one = newjobs.find(tx, watcher.number, job_id) is not None
        if not has_one and not triggers.notice_heads(tx, watcher, job_id):
            empty = triggers.empty_inputs(tx, watcher.pipeline)
            raise InputEmpty(f"there is no job of {name}, for {', '.join(empty)} holds nothing yet")
        return job_id

    watcher, ticked = await store.writer.write(lambda tx: _require_running(tx, project, name)), new_commit_id()
    for leaf in watcher.pipeline.leaves():
        if isinstance(leaf, CronInput) and (commit := await clocks.tick_by_hand(store, leaf, now)) is not None:
            ticked = commit.id
    key = JobKey(project, name, await store.writer.write(lambda tx: write(tx, ticked)))
    store.hints.tell()
    return key


async def rerun(store: Store, key: JobKey) -> JobKey:
    """Make a job with the inputs of another one, by the spec that is registered now; return the new one's address.

    Raises:
        NoSuchJob, NotRegistered, PipelineStopped.
        InputEmpty: A commit that it was to read is not there, or a branch that it did not read holds nothing yet.
    """

    def write(tx: Transaction) -> CommitId:
        watcher = _require_running(tx, key.project, key.pipeline)
        job, job_id = jobs.require(tx.db, key), new_commit_id()
        if missing := triggers.missing_inputs(tx, job):
            raise InputEmpty(f"the job {key} cannot be run again: {', '.join(missing)} is not there")
        if not triggers.repeat(tx, watcher, job, job_id):
            empty = triggers.empty_inputs(tx, watcher.pipeline)
            raise InputEmpty(f"there is no job of {key.pipeline}, for {', '.join(empty)} holds nothing yet")
        return job_id

    again = JobKey(key.project, key.pipeline, await store.writer.write(write))
    store.hints.tell()
    return again


def _require_running(tx: Transaction, project: str, name: str) -> Watcher:
    """Return a registered pipeline that is not stopped; raises as `run`."""
    watcher = _require(tx, project, name)
    if _is_stopped(tx, watcher.number):
        raise PipelineStopped(f"the pipeline {name} is stopped", hint=f"runner pipeline start {name}")
    return watcher


async def _write(store: Store, pipeline: Pipeline, write: Callable[[Transaction], None]) -> Registered:
    await store.writer.write(write)
    store.hints.tell()
    return await pipelines.inspect(store, pipeline.project, pipeline.name)


def _register(tx: Transaction, pipeline: Pipeline) -> None:
    number = pipelines.find(tx.db, pipeline.project, pipeline.name)
    before = None if number is None else triggers.find(tx, number)
    if number is None:
        _refuse_taken(tx, pipeline)
    else:
        pipeline = pipelines.as_registered(tx.db, number, pipeline)
    version = pipelines.add_version(tx, pipeline)
    watcher = Watcher(pipelines.require(tx.db, pipeline.project, pipeline.name), version, pipeline)
    _refuse_loops(tx, watcher)
    triggers.watch(tx, watcher)
    clocks.set_up(tx, pipeline)
    if before is not None and before.version == version:
        return
    goes_on = before is not None and _renew(tx, watcher)
    if not goes_on and not _is_stopped(tx, watcher.number):
        triggers.notice_moved(tx, watcher, new_commit_id())


def _renew(tx: Transaction, watcher: Watcher) -> bool:
    """Let the jobs that have not ended be of the new spec; tell whether one of them will be."""
    goes_on = False
    for row in query.rows(tx.db, _OTHERS_UNFINISHED, (watcher.number, watcher.version)):
        is_queued = queue.holds(tx.db, row.id)
        if row.state == JOB_STATE.code(JobState.CREATED):
            triggers.renew(tx, row.id)
            goes_on = goes_on or queue.holds(tx.db, row.id)
        elif is_queued or row.output_branch == watcher.pipeline.output_branch:
            stops.ask(tx, row.id, Wish(ANEW if is_queued else triggers.UPDATED, is_anew=is_queued))
            goes_on = goes_on or is_queued
    return goes_on


def _require(tx: Transaction, project: str, name: str) -> Watcher:
    """Return a registered pipeline; raises `NoSuchPipeline`, `NotRegistered`."""
    watcher = triggers.find(tx, pipelines.require(tx.db, project, name))
    if watcher is None:
        raise NotRegistered(
            f"the pipeline {name} is run by hand alone", hint="runner pipeline create SPEC registers it"
        )
    return watcher


def _refuse_taken(tx: Transaction, pipeline: Pipeline) -> None:
    """A name that a repo of clients has is no name for a pipeline: its output would hide what they wrote."""
    repo = repos.find(tx.db, pipeline.project, pipeline.name)
    ref = None if repo is None else refs.find(tx.db, repo, pipeline.output_branch)
    if ref is not None and ref.head is not None:
        origin = query.value(tx.db, "SELECT origin FROM commits WHERE id = ?", (ref.head,))
        if origin == COMMIT_ORIGIN.code(CommitOrigin.USER):
            raise OutputTaken(
                f"{pipeline.name}@{pipeline.output_branch} holds what clients wrote, where the pipeline would write",
                hint="give the pipeline another name, or another output_branch",
            )


def _refuse_loops(tx: Transaction, watcher: Watcher) -> None:
    names = triggers.loops(tx, watcher)
    if names:
        raise WouldLoop(f"the pipeline {watcher.pipeline.name} would read its own output by way of {', '.join(names)}")


def _set_stopped(tx: Transaction, pipeline: int, *, is_stopped: bool) -> bool:
    """Write it down; tell whether it was otherwise before."""
    other = (pipeline, int(not is_stopped))
    values = {"is_stopped": int(is_stopped)}
    return query.update(tx.db, "registration", values, "pipeline = ? AND is_stopped = ?", other) == 1


def _is_stopped(tx: Transaction, pipeline: int) -> bool:
    return query.exists(tx.db, "SELECT 1 FROM registration WHERE pipeline = ? AND is_stopped = 1", (pipeline,))
