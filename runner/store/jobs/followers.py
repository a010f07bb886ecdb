"""Trigger branches: they go after another branch of their repo once a condition holds, and start pipelines with it.

A condition is judged in the transaction in which the other branch moves, and one that depends on time also by the
workers, as time goes by.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/pfs/server/trigger.go
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from runner.model.pipeline import PfsInput, Pipeline, Trigger
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.history import refs, repos
from runner.store.history.refs import Ref
from runner.store.jobs import pipelines
from runner.store.store import Store
from runner.store.times import from_us


class _Head(NamedTuple):
    """A commit as conditions see it."""

    number: int
    size_bytes: int
    finished: datetime


_NONE = _Head(0, 0, from_us(0))

_FOLLOWED = """
    SELECT f.pipeline, g.version FROM follow f JOIN registration g ON g.pipeline = f.pipeline
    WHERE f.project = ? AND f.repo = ? AND f.branch = ? AND g.is_stopped = 0 ORDER BY f.pipeline
"""
_FOLLOWING = """
    SELECT DISTINCT f.pipeline, g.version FROM follow f JOIN registration g ON g.pipeline = f.pipeline
    WHERE g.is_stopped = 0 ORDER BY f.pipeline
"""


def watch(tx: Transaction, number: int, pipeline: Pipeline) -> None:
    """Let the trigger branches of a pipeline follow what its spec says, and nothing else."""
    unwatch(tx, number)
    for project, repo, branch in {(leaf.project, leaf.repo, trigger.branch) for leaf, trigger in _followers(pipeline)}:
        query.insert(tx.db, "follow", {"project": project, "repo": repo, "branch": branch, "pipeline": number})


def unwatch(tx: Transaction, number: int) -> None:
    """Let no branch follow for a pipeline any more."""
    tx.db.execute("DELETE FROM follow WHERE pipeline = ?", (number,))


def move(tx: Transaction, leader: Ref) -> list[Ref]:
    """Move the branches that follow one that moved, where their conditions hold; return them."""
    project, repo = tx.db.execute("SELECT project, name FROM repo WHERE id = ?", (leader.repo,)).fetchone()
    moved = []
    for number, version in tx.db.execute(_FOLLOWED, (project, repo, leader.name)).fetchall():
        for leaf, trigger in _followers(pipelines.pipeline_at(tx.db, number, version)):
            if (leaf.project, leaf.repo, trigger.branch) == (project, repo, leader.name):
                moved += move_if_due(tx, leaf, trigger)
    return moved


def timed(store: Store, numbers: Collection[int]) -> list[tuple[PfsInput, Trigger]]:
    """Return the inputs of some pipelines, by their numbers, whose branches follow at certain times."""
    db = store.catalog.db
    return [
        (leaf, trigger)
        for row in query.rows(db, _FOLLOWING)
        if row.pipeline in numbers
        for leaf, trigger in _followers(pipelines.pipeline_at(db, row.pipeline, row.version))
        if trigger.cron_spec
    ]


def move_if_due(tx: Transaction, leaf: PfsInput, trigger: Trigger) -> list[Ref]:
    """Let the branch of an input go to where the one that it follows is, if its condition holds; return it then."""
    repo = repos.find(tx.db, leaf.project, leaf.repo)
    leader = None if repo is None else refs.find(tx.db, repo, trigger.branch)
    if leader is None or leader.head is None:
        return []
    follower = refs.ensure(tx, leader.repo, leaf.branch)
    if follower.head == leader.head or not _holds(tx, trigger, follower.head, leader.head):
        return []
    refs.move(tx, follower, leader.head)
    return [follower]


def _holds(tx: Transaction, trigger: Trigger, old: int | None, new: int) -> bool:
    from runner.spec import cron

    before, after = _NONE if old is None else _head(tx, old), _head(tx, new)
    now = from_us(tx.now_us)
    terms = []
    if trigger.size_bytes:
        terms.append(after.size_bytes - before.size_bytes >= trigger.size_bytes)
    if trigger.commits:
        terms.append(_is_ahead(tx, before.number, after.number, trigger.commits))
    if trigger.rate_limit_spec:
        terms.append(_is_past(cron.next_tick(trigger.rate_limit_spec, before.finished), now))
    if trigger.cron_spec:
        terms.append(_is_past(cron.next_tick(trigger.cron_spec, after.finished), now))
    return all(terms) and bool(terms) if trigger.all else any(terms)


def _is_past(tick_: datetime | None, now: datetime) -> bool:
    return tick_ is not None and tick_ <= now


def _is_ahead(tx: Transaction, old: int, new: int, commits: int) -> bool:
    """Tell whether a commit comes so many after another one, or has so many before it at all."""
    at: int | None = new
    for _ in range(commits):
        if at is None or at == old:
            return False
        (at,) = tx.db.execute("SELECT parent FROM commits WHERE id = ?", (at,)).fetchone()
    return True


def _head(tx: Transaction, number: int) -> _Head:
    row = query.one(tx.db, "SELECT bytes, finished_us FROM commits WHERE id = ?", (number,))
    return _Head(number, row.bytes, from_us(row.finished_us))


def _followers(pipeline: Pipeline) -> Iterator[tuple[PfsInput, Trigger]]:
    for leaf in pipeline.leaves():
        if isinstance(leaf, PfsInput) and leaf.trigger is not None:
            yield leaf, leaf.trigger
