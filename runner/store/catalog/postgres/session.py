"""A connection to the server, and what is told of one that fails."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from runner.model.store_url import StoreUrl, StoreUrlInvalid
from runner.store.catalog import schema
from runner.store.catalog.admission import RIGHTS
from runner.store.catalog.postgres.spelling import adapt, holdable, native
from runner.store.catalog.query import Cursor, Parameters

SCAN_ROWS = 2000
LOCK = 0x52554E52_00000001  # "RUNR", then what is locked: 1, the writing
READ_SECONDS = 30

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
ERRORS = (psycopg.Error, schema.CatalogRefused, schema.CatalogDamaged)

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it says beside its errors belongs on no stderr


class Session:
    """A connection that opens itself when it is used, and again when it was lost. Used by one thread at a time."""

    is_remote = True

    def __init__(self, url: StoreUrl, *, seconds: int = READ_SECONDS) -> None:
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
        text, names = native(statement)
        given = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
        values = [holdable(value) for value in given]
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
        text, _ = native(statement)
        cursor = self._connected().cursor()
        with refusals(self._url):
            cursor.executemany(text, [[holdable(value) for value in row] for row in parameters])
        return cursor

    def scan(self, statement: str, parameters: Sequence[Any] = (), /) -> Iterator[Any]:
        """Yield the rows of a large result, some at a time; in a transaction that goes on after what fails (`hold`)."""
        text, _ = native(statement)
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
            with refusals(self._url):
                return self._connected().execute(text, values, prepare=prepare)
        except ERRORS:
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
            with refusals(self._url):
                db = psycopg.connect(conninfo_of(self._url), autocommit=True, cursor_factory=psycopg.RawCursor)
                db.prepared_max = 500
                adapt(db)
                db.execute(_SESSION.format(seconds=self._seconds))
            self._db = db
        return self._db


def conninfo_of(url: StoreUrl) -> str:
    """Return what libpq connects with; raises `StoreUrlInvalid`, which repeats nothing of it."""
    try:
        found = conninfo_to_dict(url.secret)
    except psycopg.Error:  # its message may repeat the URL
        raise StoreUrlInvalid(f"the URL of the store {url} cannot be read by libpq") from None
    return make_conninfo(**{name: str(value) for name, value in {**_DEFAULTS, **found}.items() if value is not None})


@contextmanager
def opened(url: StoreUrl) -> Iterator[Session]:
    """Give a session whose statements may take as long as they do."""
    session = Session(url, seconds=0)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def alone(session: Session) -> Iterator[None]:
    """Hold the writers' lock and a transaction."""
    begin(session)
    try:
        yield
        session.execute("COMMIT")
    finally:
        session.roll_back()


def begin(session: Session) -> None:
    """Begin a transaction that writes, behind those of all others."""
    session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({LOCK})")


@contextmanager
def refusals(place: StoreUrl) -> Iterator[None]:
    """Turn what the server says for reasons of its own into `CatalogRefused` or `CatalogDamaged`."""
    try:
        yield
    except (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted) as exc:
        raise schema.CatalogDamaged(f"{place} cannot be read: {sentence_of(exc)}") from exc
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as exc:
        hint = "see whether the PostgreSQL server is up and within reach, and its disk not full"
        if isinstance(exc, psycopg.errors.InsufficientPrivilege):
            hint = RIGHTS
        raise schema.CatalogRefused(f"{place} cannot be used: {sentence_of(exc)}", hint=hint) from exc


def sentence_of(error: psycopg.Error) -> str:
    """Return the first line of what the server or libpq said; neither repeats a password."""
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0]
