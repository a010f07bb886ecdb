"""Connections to the catalog. What differs between SQLite and PostgreSQL stands in this file alone.

SQLite: the standard library's connection serves the hot statements (a point look-up costs 11 us, through
SQLAlchemy 20) and is lent to SQLAlchemy for all others. Transactions are begun and ended here, never by SQLAlchemy.
An `flock` is held around every write transaction *and every checkpoint*: SQLite 3.7.0 to 3.51.2 may corrupt
the database when a commit resets the log while another connection checkpoints
(https://www.sqlite.org/wal.html). The lock also queues writers fairly.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runner.store.catalog.query import Connection

CATALOG_NAME = "catalog.sqlite3"
LOCKS_FOLDER = "locks"

OPERATIONAL_ERRORS = (sqlite3.OperationalError, sa.exc.OperationalError)
"""What the database refuses for reasons of its own: no room, no lock, a failed disk."""

_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # part of the promise: NORMAL loses acknowledged commits at a power cut
    "wal_autocheckpoint=0",  # checkpoints are made under the lock
    "journal_size_limit=67108864",
    "busy_timeout=10000",
    "cache_size=-16384",  # the kernel keeps pages too; what passes once, as logs do, would fill more for good
    "temp_store=MEMORY",
    "foreign_keys=OFF",  # `check` judges references
)
_READER_PRAGMAS = (
    "query_only=1",
    "wal_autocheckpoint=0",
    "busy_timeout=10000",
    "cache_size=-32768",
    "temp_store=MEMORY",
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction that is under way.

    Attributes:
        db: For statements. No transaction control, no cursor that outlives the function.
        now_us: Its time, microseconds since 1970 UTC, the same for the whole group.
    """

    db: Connection
    now_us: int


class Catalog:
    """The read side: every statement sees all that was committed before it began. Used on the loop's thread only."""

    def __init__(self, path: Path) -> None:
        self.db = _connect(path, _READER_PRAGMAS)
        self._sql = _lend(self.db)

    def close(self) -> None:
        """Close the connection."""
        _close(self.db, self._sql)

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Return all rows of a SQLAlchemy statement."""
        return self._sql.execute(statement).fetchall()

    def row(self, statement: sa.Executable) -> sa.Row[Any] | None:
        """Return its first row, if any."""
        return self._sql.execute(statement).first()


class WriteConnection:
    """The write side: one connection and the lock that all processes on the store share."""

    def __init__(self, path: Path, lock_path: Path) -> None:
        self._db = _connect(path, _WRITER_PRAGMAS)
        self._sql = _lend(self._db)
        self._lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Hold the lock and a transaction; it is durable when the block has ended well, undone when it raised."""
        with self.locked():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._db, time.time_ns() // 1000)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writers' lock; waits for other processes, whose transactions are short."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def checkpoint(self, *, truncate: bool = False) -> None:
        """Move the log's pages into the database, as far as readers allow; what is left stays in the log."""
        with self.locked(), suppress(sqlite3.OperationalError):  # a statement is still open somewhere
            self._db.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()

    def close(self) -> None:
        """Close the connection and the lock's file."""
        _close(self._db, self._sql)
        os.close(self._lock)


def _connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    for pragma in pragmas:
        db.execute(f"PRAGMA {pragma}").fetchall()
    return db


def _lend(db: sqlite3.Connection) -> sa.Connection:
    """Return a SQLAlchemy connection on *db* that emits no BEGIN and no COMMIT."""
    engine = sa.create_engine("sqlite://", creator=lambda: db, poolclass=sa.StaticPool, isolation_level="AUTOCOMMIT")
    _LENT[db] = engine.connect()
    return _LENT[db]


_LENT: dict[Connection, sa.Connection] = {}


def core(db: Connection, *statement: Any) -> sa.CursorResult[Any]:
    """Run a SQLAlchemy statement; goes away."""
    return _LENT[db].execute(*statement)


def _close(db: sqlite3.Connection, sql: sa.Connection) -> None:
    del _LENT[db]
    sql.close()
    sql.engine.dispose()
    db.close()
