"""Wishes that a job ends which somebody runs: a row, that its runner heeds, and that nothing is sealed against."""

from __future__ import annotations

from typing import NamedTuple

from runner.model.errors import Conflict
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection

_ASK = """
    INSERT INTO stop (job, reason, is_anew) VALUES (?, ?, ?)
    ON CONFLICT (job) DO UPDATE SET reason = excluded.reason, is_anew = excluded.is_anew WHERE stop.is_anew = 1
"""


class JobStopped(Conflict):
    """Somebody wants the job to end, so it begins nothing and seals nothing any more."""


class Wish(NamedTuple):
    """Why a job is to end; *is_anew*: then it waits for a worker again."""

    reason: str
    is_anew: bool


def ask(tx: Transaction, job: int, wish: Wish) -> None:
    """Ask for the end of a job that is not sealed; a wish for good stays over all others."""
    query.write(tx.db, "stop", _ASK, (job, wish.reason, int(wish.is_anew)))


def find(db: Connection, job: int) -> Wish | None:
    """Return the wish that a job ends, if there is one."""
    row = query.row(db, "SELECT reason, is_anew FROM stop WHERE job = ?", (job,))
    return None if row is None else Wish(row.reason, bool(row.is_anew))


def refuse(tx: Transaction, job: int) -> None:
    """Raise `JobStopped` when somebody wants the job to end."""
    wish = find(tx.db, job)
    if wish is not None:
        raise JobStopped(wish.reason)


def forget(tx: Transaction, job: int) -> None:
    """Drop the wish: the job waits again."""
    tx.db.execute("DELETE FROM stop WHERE job = ?", (job,))
