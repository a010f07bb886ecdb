"""The catalog in PostgreSQL 13 or newer: one database for each store, for many hosts.

Write transactions of all processes run one after another, as SQLite's do: each begins with one advisory lock, a
statement of its own, since READ COMMITTED takes its snapshot by the statement. So whatever a transaction has judged
stays true until it ends, as under SQLite's lock. What this costs: no two processes write at a time; what makes up for
it is that a process writes up to 256 requests in one transaction (`runner.store.writer`).

A connection that was lost is opened again. A read is then asked once more. A transaction is begun once more if
nothing ran in it yet; when its COMMIT had no answer, a row that it wrote tells whether it happened.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from runner.model.store_url import StoreUrl, StoreUrlInvalid
from runner.store.catalog import schema
from runner.store.catalog.admission import RIGHTS, admitted
from runner.store.catalog.engine import Catalog, Engine, Transaction, WriteConnection
from runner.store.catalog.query import Connection, Cursor, Parameters, Snapshot
from runner.store.catalog.sums import crc_of

WAIT_SECONDS = 30.0
"""For so long a write transaction waits for a server that is out of reach: longer than a restart takes."""
SCAN_ROWS = 2000

_LOCK = 0x52554E52_00000001  # "RUNR", then what is locked: 1, the writing
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
_DEFAULTS = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",  # milliseconds until a host that is gone is noticed
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "application_name": "runner",
}
_SESSION = (
    "SET statement_timeout = '{seconds}s'; SET idle_in_transaction_session_timeout = 0; "
    "SET client_encoding = 'UTF8'; SET synchronous_commit = on; SET jit = off; "
    "SET default_transaction_isolation = 'read committed'"
)
_READ_SECONDS = 30
_ERRORS = (psycopg.Error, schema.CatalogRefused, schema.CatalogDamaged)
_REFUSALS = (schema.CatalogRefused,)


logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it says beside its errors belongs on no stderr


class Postgres(Engine):
    """The catalog at *url*."""

    has_folder = False
    credentials = ("PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "PGSSLKEY")
    errors = _ERRORS
    refusals = _REFUSALS

    def __init__(self, url: StoreUrl) -> None:
        self._url = url

    @property
    def place(self) -> str:
        """The URL without its password."""
        return str(self._url)

    def prepare(self) -> None:
        """Make the catalog when the database is empty; one of an older form waits for `migrate`."""
        with admitted(), _opened(self._url) as session, _alone(session):
            found = _format_of(session, self.place)
            if found == 0:
                _create(session)
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
        with admitted(), _opened(self._url) as session:
            with _alone(session):
                found = _format_of(session, self.place)
                if found == 0:
                    _create(session)
            if 0 < found < schema.FORMAT:
                _run_steps(self._url)
        return found

    def open_reader(self) -> Catalog:
        """Open a read side."""
        return PostgresCatalog(self._url)

    def open_writer(self) -> WriteConnection:
        """Open the write side."""
        return PostgresWriteConnection(self._url)

    def size_bytes(self) -> int:
        """Return the size of the database."""
        with _opened(self._url) as session:
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

    errors = _ERRORS
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
        with suppress(*_ERRORS):
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
                _begin(self._session)
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


class Session:
    """A connection that opens itself when it is used, and again when it was lost. Used by one thread at a time."""

    is_remote = True

    def __init__(self, url: StoreUrl, *, seconds: int = _READ_SECONDS) -> None:
        self._url = url
        self._seconds = seconds
        self._db: psycopg.Connection[Any] | None = None
        self._holds = False
        self._connected()

    @property
    def status(self) -> TransactionStatus:
        """Whether a transaction is under way, and whether it can go on."""
        return TransactionStatus.UNKNOWN if self._db is None else self._db.info.transaction_status

    def execute(self, statement: str, parameters: Parameters = (), /) -> Cursor:
        """Run a statement; outside of a transaction once more when the connection turns out to be lost."""
        text, names = _native(statement)
        given = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
        values = [_holdable(value) for value in given]
        is_free = self.status in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)
        try:
            return self._ask(text, values, prepare=bool(values) or None)
        except schema.CatalogRefused:
            if not (is_free and self._db is not None and self._db.broken):
                raise
        self.close()
        return self._ask(text, values, prepare=bool(values) or None)

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run a statement for each of the parameters, all of them in one exchange."""
        text, _ = _native(statement)
        cursor = self._connected().cursor()
        with _refusals(self._url):
            cursor.executemany(text, [[_holdable(value) for value in row] for row in parameters])
        return cursor

    def scan(self, statement: str, parameters: Sequence[Any] = (), /) -> Iterator[Any]:
        """Yield the rows of a large result, some at a time; in a transaction that goes on after what fails (`hold`)."""
        text, _ = _native(statement)
        name = f"scan_{secrets.token_hex(4)}"
        self._ask(f"DECLARE {name} NO SCROLL CURSOR FOR {text}", parameters)
        self.hold()  # what fails between two rows leaves the cursor as it is
        try:
            while found := self._ask(f"FETCH {SCAN_ROWS} FROM {name}").fetchall():
                yield from found
        finally:
            if self.status == TransactionStatus.INTRANS:
                self._ask("RELEASE held")
                self._ask(f"CLOSE {name}")

    def hold(self) -> None:
        """Let the transaction under way go on, from here, after a statement that fails."""
        self.execute("SAVEPOINT held")
        self._holds = True

    def _ask(self, text: str, values: Sequence[Any] = (), *, prepare: bool | None = False) -> Cursor:
        """Run a statement in the server's own words."""
        try:
            with _refusals(self._url):
                return self._connected().execute(text, values, prepare=prepare)
        except _ERRORS:
            self._go_on()
            raise

    def _go_on(self) -> None:
        if self._holds and self._db is not None and self.status == TransactionStatus.INERROR:
            self._db.execute("ROLLBACK TO held")

    def roll_back(self) -> None:
        """End the transaction under way, if any, as if it had not been; a lost connection has done so."""
        self._holds = False
        if self._db is not None and self.status != TransactionStatus.IDLE:
            try:
                self._db.execute("ROLLBACK")
            except psycopg.Error:
                self.close()

    def close(self) -> None:
        """Close the connection; it opens again when it is used."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._db is None:
            with _refusals(self._url):
                db = psycopg.connect(_conninfo(self._url), autocommit=True, cursor_factory=psycopg.RawCursor)
                db.prepared_max = 500
                _adapt(db)
                db.execute(_SESSION.format(seconds=self._seconds))
            self._db = db
        return self._db


def _conninfo(url: StoreUrl) -> str:
    """Return what libpq connects with; raises `StoreUrlInvalid`, which repeats nothing of it."""
    try:
        found = conninfo_to_dict(url.secret)
    except psycopg.Error:  # its message may repeat the URL
        raise StoreUrlInvalid(f"the URL of the store {url} cannot be read by libpq") from None
    return make_conninfo(**{name: str(value) for name, value in {**_DEFAULTS, **found}.items() if value is not None})


@contextmanager
def _opened(url: StoreUrl) -> Iterator[Session]:
    session = Session(url, seconds=0)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def _alone(session: Session) -> Iterator[None]:
    """Hold the writers' lock and a transaction."""
    _begin(session)
    try:
        yield
        session.execute("COMMIT")
    finally:
        session.roll_back()


def _begin(session: Session) -> None:
    session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({_LOCK})")


@contextmanager
def _refusals(place: StoreUrl) -> Iterator[None]:
    """Turn what the server says for reasons of its own into `CatalogRefused` or `CatalogDamaged`."""
    try:
        yield
    except (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted) as exc:
        raise schema.CatalogDamaged(f"{place} cannot be read: {_sentence(exc)}") from exc
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as exc:
        hint = "see whether the PostgreSQL server is up and within reach, and its disk not full"
        if isinstance(exc, psycopg.errors.InsufficientPrivilege):
            hint = RIGHTS
        raise schema.CatalogRefused(f"{place} cannot be used: {_sentence(exc)}", hint=hint) from exc


def _sentence(error: psycopg.Error) -> str:
    """Return the first line of what the server or libpq said; neither repeats a password."""
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0]


# The form.

_TYPES = {"INTEGER": "BIGINT", "BLOB": "BYTEA", "REAL": "DOUBLE PRECISION", "TEXT": 'TEXT COLLATE "C"'}
"""Of SQLite, and what holds the same here; text compares as bytes."""
_NUMBERED = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
_WORDS = re.compile(r"\bINTEGER NOT NULL PRIMARY KEY AUTOINCREMENT\b|\bWITHOUT ROWID\b,?|,?\s*\bSTRICT\b|\b[A-Z]+\b")


_LEASE = """
    CREATE TABLE IF NOT EXISTS lease (
        name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, expires_us INTEGER NOT NULL
    )
"""
"""Who owns what, and until when: `runner.store.owners.leases`. SQLite's stores have locks instead."""


def spelled(statement: str) -> str:
    """Return a statement that makes or changes a table, as SQLite spells it, in the server's words."""

    def word(found: re.Match[str]) -> str:
        text = found[0]
        if text.endswith("AUTOINCREMENT"):
            return _NUMBERED
        return "" if text.endswith(("STRICT", "ROWID", "ROWID,")) else _TYPES.get(text, text)

    return _WORDS.sub(word, statement) if statement.lstrip().startswith(("CREATE", "ALTER")) else statement


def _format_of(session: Session, place: str) -> int:
    """Return the format of the database; 0: it is empty."""
    tables = {
        name for (name,) in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    }
    if not tables:
        _refuse_encoding(session, place)
        return 0
    if not {"alembic_version", "meta", "blob", "entry", "commits"} <= tables:
        raise schema.NotAStore(f"the database {place} is not the catalog of a store", hint="choose an empty database")
    version = int(session.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    schema.refuse_newer(version)
    return version


def _refuse_encoding(session: Session, place: str) -> None:
    (encoding,) = session.execute("SHOW server_encoding").fetchone()
    if encoding != "UTF8":
        hint = "make it anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        raise schema.NotAStore(
            f"the database {place} has the encoding {encoding}, which cannot hold all text", hint=hint
        )


def _create(session: Session) -> None:
    for statement in schema.statements():
        session.execute(spelled(statement))
    session.execute(spelled(_LEASE))
    schema.fill(session)


def _run_steps(url: StoreUrl) -> None:
    """Run alembic's steps on a connection of SQLAlchemy's, whose statements are spelled for the server."""
    import sqlalchemy as sa

    from runner.store.catalog.migrate import run_steps

    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: _Stepping.connect(_conninfo(url)))
    sa.event.listen(engine, "before_cursor_execute", _spell, retval=True)
    try:
        with _refusals(url), engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            run_steps(connection, f"{schema.FORMAT:04}")
            connection.exec_driver_sql(_LEASE)
    except sa.exc.DBAPIError as exc:
        said = _sentence(exc.orig) if isinstance(exc.orig, psycopg.Error) else exc.orig
        raise schema.CatalogRefused(f"{url} cannot be migrated: {said}") from exc
    finally:
        engine.dispose()


class _Stepping(psycopg.Connection[Any]):
    """What steps find when they ask for the driver's connection, as SQLite's would be."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        return super().execute(spelled(query).replace("?", "%s"), params)

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Any:
        cursor = self.cursor()
        cursor.executemany(spelled(statement).replace("?", "%s"), parameters)
        return cursor


def _spell(
    _connection: object, _cursor: object, statement: str, parameters: object, _context: object, _many: object
) -> tuple[str, object]:
    return spelled(statement).replace("?", "%s"), parameters


# Statements and values.

_MARKS = re.compile(
    r"""'[^']*'|"[^"]*"|\?|(?<!:):([a-z_]+)|\bIS NOT (?!NULL\b|DISTINCT\b)|\bIS (?!NOT\b|NULL\b|DISTINCT\b)"""
)
_SAME = {"IS ": "IS NOT DISTINCT FROM ", "IS NOT ": "IS DISTINCT FROM "}
"""As SQLite compares what may be NULL, and how the standard spells it, which SQLite knows from 3.39."""


@cache
def _native(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return *statement* with the server's own marks, and the names of its parameters, if they have any."""
    names: list[str] = []
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        if found[1]:
            if found[1] not in names:
                names.append(found[1])
            return f"${names.index(found[1]) + 1}"
        if found[0] == "?":
            count += 1
            return f"${count}"
        return _SAME.get(found[0], found[0])

    return _MARKS.sub(mark, statement), tuple(names)


def _holdable(value: object) -> object:
    """Replace U+0000 in text, which the server's text cannot hold."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) and "\0" in value else value


class _Number(Loader):
    """Reads sums and means, which are of arbitrary precision, as SQLite gives them."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text else int(text)


def _adapt(db: psycopg.Connection[Any]) -> None:
    """Let each text be prepared once, whatever the size of its numbers; truth is 1 or 0."""
    for kind in (int, bool):
        db.adapters.register_dumper(kind, _Wide)
    db.adapters.register_loader("numeric", _Number)


class _Wide(Int8Dumper):
    """Sends whole numbers as the columns hold them."""

    def dump(self, obj: Any) -> Buffer | None:
        return super().dump(int(obj))
