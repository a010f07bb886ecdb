"""Removing a pipeline with all that belongs to it."""

from __future__ import annotations

import trio

from runner.model.errors import Conflict
from runner.model.job import JobState
from runner.model.pipeline import CronInput, Pipeline
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_TERMINAL_FROM
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import removal, repos
from runner.store.jobs import jobs, pipelines, tallies, triggers
from runner.store.pipelines import control
from runner.store.store import Store

LOOK_SECONDS = 5.0
"""After so long the jobs that are to end are looked at again, though nothing was heard of them."""
DELETED = "the pipeline was deleted"


class PipelineRead(Conflict):
    """Other pipelines read what the pipeline writes."""


async def delete(store: Store, project: str, name: str, *, force: bool = False, keep_repo: bool = False) -> None:
    """Remove a pipeline: its jobs, which are stopped first, its versions, its repo and those of its clocks.

    Args:
        store: Where.
        project: Of the pipeline.
        name: Its name.
        force: Also when other pipelines read its output; they have no input then.
        keep_repo: Let the repo of its output stay.

    Raises:
        NoSuchPipeline, PipelineRead, RepoInUse.

    Cancellation: it makes no jobs any more, and is removed by the next `delete`.
    """

    def begin(tx: Transaction) -> int:
        number = pipelines.require(tx.db, project, name)
        readers = [] if force else triggers.readers(tx, project, name)
        if readers:
            raise PipelineRead(
                f"{', '.join(readers)} read what the pipeline {name} writes", hint="delete these first, or add --force"
            )
        repo = repos.find(tx.db, project, name)
        if repo is not None and not keep_repo:
            removal.refuse_readers(tx, repo)
        _end_jobs(tx, number)
        return number

    number = await store.writer.write(begin)
    async with store.hints.listen() as news:
        store.hints.tell()
        while unfinished := _unfinished(store.catalog.db, number):
            for job in unfinished:
                await control.settle_if_dead(store, jobs.inspect_number(store.catalog.db, job).key)
            with trio.move_on_after(LOOK_SECONDS):
                await news.wait()
    await store.writer.write(lambda tx: _remove(tx, number, keep_repo=keep_repo))


def _end_jobs(tx: Transaction, pipeline: int) -> None:
    """Let no job of a pipeline be made any more, and none go on that is not sealed."""
    for job in _unfinished(tx.db, pipeline):
        if jobs.inspect_number(tx.db, job).state is not JobState.FINISHING:
            control.ask(tx, job, DELETED)
    query.update(tx.db, "registration", {"is_stopped": 1}, "pipeline = ?", (pipeline,))


def _unfinished(db: Connection, pipeline: int) -> list[int]:
    return query.values(db, "SELECT id FROM job WHERE pipeline = ? AND state < ?", (pipeline, JOB_TERMINAL_FROM))


def _remove(tx: Transaction, number: int, *, keep_repo: bool) -> None:
    watcher = triggers.find(tx, number)
    row = query.row(tx.db, "SELECT project, name FROM pipeline WHERE id = ?", (number,))
    if row is None:
        return  # somebody else was faster
    for job in query.values(tx.db, "SELECT id FROM job WHERE pipeline = ?", (number,)):
        control.remove(tx, job)
    triggers.unwatch(tx, number)
    tallies.drop(tx, number)
    tx.db.execute("DELETE FROM registration WHERE pipeline = ?", (number,))
    tx.db.execute("DELETE FROM pipeline_version WHERE pipeline = ?", (number,))
    tx.db.execute("DELETE FROM pipeline WHERE id = ?", (number,))
    if watcher is not None:
        _remove_clocks(tx, watcher.pipeline)
    repo = repos.find(tx.db, row.project, row.name)
    if repo is not None and not keep_repo:
        removal.remove_repo(tx, repo)


def _remove_clocks(tx: Transaction, pipeline: Pipeline) -> None:
    """Remove the repos of a pipeline's clocks that no other pipeline reads."""
    for clock in pipeline.leaves():
        if isinstance(clock, CronInput) and not triggers.readers(tx, clock.project, clock.repo):
            tx.db.execute("DELETE FROM clock WHERE project = ? AND repo = ?", (clock.project, clock.repo))
            repo = repos.find(tx.db, clock.project, clock.repo)
            if repo is not None:
                removal.remove_repo(tx, repo)
