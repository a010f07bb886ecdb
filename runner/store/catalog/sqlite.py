"""The catalog in SQLite, a file in the store's folder.

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
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from runner.store.catalog import schema
from runner.store.catalog.engine import Catalog, Engine, Transaction, WriteConnection
from runner.store.catalog.query import Connection, Snapshot

CATALOG_NAME = "catalog.sqlite3"
LOCKS_FOLDER = "locks"
WRITER_LOCK = "writer"
STRUCTURE_PROBLEMS_MAX = 20

_ERRORS = (sqlite3.Error,)
_REFUSALS = (sqlite3.OperationalError,)

_Db = TypeVar("_Db", bound=schema.Local)

_CACHE = "cache_size=-2048"  # KiB, of each connection; more wins nothing, since the kernel keeps pages too
_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # part of the promise: NORMAL loses acknowledged commits at a power cut
    "wal_autocheckpoint=0",  # checkpoints are made under the lock
    "journal_size_limit=67108864",
    "busy_timeout=10000",
    _CACHE,
    "temp_store=MEMORY",
    "foreign_keys=OFF",  # `check` judges references
)
_READER_PRAGMAS = (
    "query_only=1",
    "wal_autocheckpoint=0",
    "busy_timeout=10000",
    _CACHE,
    "temp_store=MEMORY",
)


class Sqlite(Engine):
    """The catalog of the store in *folder*; the folder and that of its locks are there."""

    has_folder = True
    credentials = ()
    errors = _ERRORS
    refusals = _REFUSALS

    def __init__(self, folder: Path) -> None:
        self._path = folder / CATALOG_NAME
        self._lock_path = folder / LOCKS_FOLDER / WRITER_LOCK

    @property
    def place(self) -> str:
        """The path of its file."""
        return str(self._path)

    def prepare(self) -> None:
        """Make it, or migrate it after a copy was made, while nobody writes."""
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            schema.prepare(self._path)
        finally:
            os.close(lock)

    def migrate(self) -> int:
        """Tell the format only: the catalog of a folder is migrated whenever it is opened."""
        return schema.format_at(self._path)

    def open_reader(self) -> Catalog:
        """Open a read side of the file, which has to be there: SQLite would make one."""
        if not self._path.exists():
            raise schema.CatalogRefused(f"the store's catalog {self._path} is not there any more")
        with schema.refusals(self._path):
            return SqliteCatalog(self._path)

    def open_writer(self) -> WriteConnection:
        """Open the write side."""
        with schema.refusals(self._path):
            return SqliteWriteConnection(self._path, self._lock_path)

    def size_bytes(self) -> int:
        """Return the size of its file and of the log."""
        size = 0
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                size += self._path.with_name(f"{self._path.name}{suffix}").stat().st_size
        return size

    def find_damage(self, catalog: Catalog) -> Iterator[str]:
        """Yield what `PRAGMA quick_check` finds, and numbers of the file that are not a store's."""
        for (found,) in catalog.db.execute(f"PRAGMA quick_check({STRUCTURE_PROBLEMS_MAX})"):
            if found != "ok":
                yield f"the catalog {self._path} is damaged: {found}"
        for pragma, expected in (("application_id", schema.APPLICATION_ID), ("user_version", schema.FORMAT)):
            (found,) = catalog.db.execute(f"PRAGMA {pragma}").fetchone()
            if found != expected:
                yield f"the catalog says {pragma} {found} instead of {expected}"


class SqliteCatalog(Catalog):
    """The read side: each statement is a read transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._db = _connect(path, _READER_PRAGMAS, _Reading)
        self.db: Connection = self._db

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Hold one read transaction, which keeps the log from being truncated; damaged texts are read too."""
        self._db.text_factory = _decoded
        self._db.execute("BEGIN")
        try:
            yield self._db
        finally:
            self._db.text_factory = str
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


class SqliteWriteConnection(WriteConnection):
    """The write side: one connection and the lock that all processes on the store share."""

    errors = _ERRORS
    refusals = _REFUSALS

    def __init__(self, path: Path, lock_path: Path) -> None:
        self._lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._db = _connect(path, _WRITER_PRAGMAS, schema.Local)
        except BaseException:
            os.close(self._lock)
            raise

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Hold the lock and a transaction."""
        with self._locked():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._db, time.time_ns() // 1000)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def undo(self, savepoint: str | None) -> bool:
        """Go back to *savepoint*; a full disk and I/O errors have rolled back everything by themselves."""
        if self._db.in_transaction and savepoint is not None:
            self._db.execute(f"ROLLBACK TO {savepoint}")
        return self._db.in_transaction

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the writers' lock; waits for other processes, whose transactions are short."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def tidy(self, *, last: bool = False) -> None:
        """Move the log's pages into the database, as far as readers allow; what is left stays in the log."""
        with self._locked(), suppress(sqlite3.OperationalError):  # a statement is still open somewhere
            self._db.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if last else 'PASSIVE'})").fetchall()

    def close(self) -> None:
        """Close the connection and the lock's file."""
        self._db.close()
        os.close(self._lock)


class _Reading(schema.Local):
    """Says in the store's words that its file cannot be read."""

    def __init__(self, path: Path, *options: Any, **named: Any) -> None:
        super().__init__(path, *options, **named)
        self.path = path

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return _Read(self).execute(statement, parameters)
        except sqlite3.DatabaseError as exc:
            self.refuse(exc)

    def scan(self, statement: str, parameters: Sequence[Any] = (), /) -> Iterator[Any]:
        """As `query.Snapshot.scan`: SQLite finds rows one by one."""
        return iter(self.execute(statement, parameters))

    def refuse(self, error: sqlite3.DatabaseError) -> NoReturn:
        refused = schema.refusal(self.path, error)
        if refused is None:
            raise error
        raise refused from error


class _Read(sqlite3.Cursor):
    """The rows of a statement that reads; there are many such, and `super` would double what this costs."""

    __slots__ = ()

    connection: _Reading

    def fetchone(self) -> Any:
        try:
            return sqlite3.Cursor.fetchone(self)
        except sqlite3.DatabaseError as exc:
            self.connection.refuse(exc)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        try:
            return sqlite3.Cursor.fetchmany(self, size)
        except sqlite3.DatabaseError as exc:
            self.connection.refuse(exc)

    def fetchall(self) -> list[Any]:
        try:
            return sqlite3.Cursor.fetchall(self)
        except sqlite3.DatabaseError as exc:
            self.connection.refuse(exc)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # its rows, not itself
        try:
            yield from iter(super().__next__, None)  # no Python for each row
        except sqlite3.DatabaseError as exc:
            self.connection.refuse(exc)


def _connect(path: Path, pragmas: Sequence[str], factory: type[_Db]) -> _Db:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=factory, cached_statements=512)
    try:
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        db.close()
        raise
    return db


def _decoded(text: bytes) -> str:
    return text.decode(errors="surrogateescape")
