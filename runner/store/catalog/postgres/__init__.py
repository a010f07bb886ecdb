"""The catalog in PostgreSQL 13 or newer: one database for each store, for many hosts.

Write transactions of all processes run one after another, as SQLite's do: each begins with one advisory lock, a
statement of its own, since READ COMMITTED takes its snapshot by the statement. So whatever a transaction has judged
stays true until it ends, as under SQLite's lock. What this costs: no two processes write at a time; what makes up for
it is that a process writes up to 256 requests in one transaction (`runner.store.writer`).

A connection that was lost is opened again. A read is then asked once more. A transaction is begun once more if
nothing ran in it yet; when its COMMIT had no answer, a row that it wrote tells whether it happened.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.pq import TransactionStatus

from runner.model.store_url import StoreUrl
from runner.store.catalog import schema
from runner.store.catalog.admission import admitted
from runner.store.catalog.engine import Catalog, Engine, Transaction, WriteConnection
from runner.store.catalog.postgres.form import create, format_of, migrate
from runner.store.catalog.postgres.session import ERRORS, Session, alone, begin, opened
from runner.store.catalog.query import Connection, Snapshot
from runner.store.catalog.sums import crc_of

WAIT_SECONDS = 30.0
"""For so long a write transaction waits for a server that is out of reach: longer than a restart takes."""

_WRITER = "writer-"
_MARK_SECONDS = 7 * 86_400
_COMMIT = """
    INSERT INTO meta (name, value, crc) VALUES ('{name}', '{mark}', {crc})
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, crc = excluded.crc;
    COMMIT
"""
_FORGET = f"""
    DELETE FROM meta WHERE name = ? OR (name >= '{_WRITER}' AND name < '{_WRITER[:-1]}.' AND value < ?)
"""  # noqa: S608  # constants
_REFUSALS = (schema.CatalogRefused,)


class Postgres(Engine):
    """The catalog at *url*."""

    has_folder = False
    credentials = ("PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "PGSSLKEY")
    errors = ERRORS
    refusals = _REFUSALS

    def __init__(self, url: StoreUrl) -> None:
        self._url = url

    @property
    def place(self) -> str:
        """The URL without its password."""
        return str(self._url)

    def prepare(self) -> None:
        """Make the catalog when the database is empty; one of an older form waits for `migrate`."""
        with admitted(), opened(self._url) as session, alone(session):
            found = format_of(session, self.place)
            if found == 0:
                create(session)
            elif found < schema.FORMAT:
                raise schema.OlderFormat(
                    f"the store {self.place} has format {found}, this release wants {schema.FORMAT}",
                    hint="end what else uses it and run: runner store migrate",
                )

    def migrate(self) -> int:
        """Bring the catalog to the present form; return the format that it had, 0: there was none.

        Raises:
            NotAStore, NewerFormat, CatalogForbidden: (Invalid)
            CatalogRefused: (Unavailable) nothing was changed.
        """
        with admitted(), opened(self._url) as session:
            with alone(session):
                found = format_of(session, self.place)
                if found == 0:
                    create(session)
            if 0 < found < schema.FORMAT:
                migrate(self._url)
        return found

    def open_reader(self) -> Catalog:
        """Open a read side."""
        return PostgresCatalog(self._url)

    def open_writer(self) -> WriteConnection:
        """Open the write side."""
        return PostgresWriteConnection(self._url)

    def size_bytes(self) -> int:
        """Return the size of the database."""
        with opened(self._url) as session:
            size: int = session.execute("SELECT pg_database_size(current_database())").fetchone()[0]
            return size

    def find_damage(self, catalog: Catalog) -> Iterator[str]:
        """Yield a format that is not the present one; pages and indexes are the server's to check."""
        (found,) = catalog.db.execute("SELECT version_num FROM alembic_version").fetchone()
        if int(found) != schema.FORMAT:
            yield f"the catalog says format {found} instead of {schema.FORMAT}"


class PostgresCatalog(Catalog):
    """The read side: each statement is a transaction of its own, except in a snapshot."""

    def __init__(self, url: StoreUrl) -> None:
        self._session = Session(url)
        self.db: Connection = self._session

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Hold one read transaction; it keeps the server from tidying up what is deleted meanwhile."""
        self._session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._session.execute("SET LOCAL statement_timeout = 0; SET LOCAL cursor_tuple_fraction = 1")
        self._session.hold()
        try:
            yield self._session
        finally:
            self._session.roll_back()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


class PostgresWriteConnection(WriteConnection):
    """The write side."""

    errors = ERRORS
    refusals = _REFUSALS

    def __init__(self, url: StoreUrl) -> None:
        self._session = Session(url, seconds=0)  # it waits for the lock, behind others
        self._name = f"{_WRITER}{secrets.token_hex(16)}"
        self._given_up = False

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Hold the lock and a transaction."""
        self._begin()
        try:
            yield Transaction(self._session, time.time_ns() // 1000)
        except BaseException:
            self._session.roll_back()
            raise
        self._commit()

    def undo(self, savepoint: str | None) -> bool:
        """Go back to *savepoint*; without one, what the server has refused is lost with the whole transaction."""
        status = self._session.status
        if savepoint is not None and status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            self._session.execute(f"ROLLBACK TO {savepoint}")
        return self._session.status == TransactionStatus.INTRANS

    def tidy(self, *, last: bool = False) -> None:
        """Forget what told of commits, of this writer and of the dead; the server tidies up by itself."""
        old = f"{int(time.time()) - _MARK_SECONDS:x}"
        ours = self._name if last else ""
        with suppress(*ERRORS):
            self._session.execute(_FORGET, (ours, old))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _begin(self) -> None:
        """Begin; wait for a server that is out of reach, but only once for as long as it stays so."""
        deadline = time.monotonic() + (0 if self._given_up else WAIT_SECONDS)
        pause = 0.05
        self._session.roll_back()  # a COMMIT that was refused
        while True:
            try:
                begin(self._session)
            except schema.CatalogRefused:
                self._session.close()
                if time.monotonic() >= deadline:
                    self._given_up = True
                    raise
                time.sleep(pause)  # in the writer's thread
                pause = min(pause * 2, 1.0)
            else:
                self._given_up = False
                return

    def _commit(self) -> None:
        """Commit; when the answer is lost, see whether it happened.

        Whoever holds the lock afterwards sees what the lost transaction has done, or that it never will.
        """
        mark = f"{int(time.time()):x}-{secrets.token_hex(8)}"
        try:
            self._session.execute(_COMMIT.format(name=self._name, mark=mark, crc=crc_of((self._name, mark))))
        except schema.CatalogRefused:
            self._session.close()
            self._begin()
            found = self._session.execute("SELECT value FROM meta WHERE name = ?", (self._name,)).fetchone()
            self._session.roll_back()
            if found != (mark,):
                raise
