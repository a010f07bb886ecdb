"""Making, recognising and migrating a catalog. SQLAlchemy is imported only to make one, alembic to migrate one."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from runner.model.address import DEFAULT_PROJECT
from runner.model.errors import Corrupt, Invalid, Unavailable
from runner.store.catalog.query import Connection, insert

APPLICATION_ID = 0x52554E52  # "RUNR"
FORMAT = 13
"""The stored form; `PRAGMA user_version` in SQLite. One alembic revision for each."""

_HINT = "see whether its disk is full or read-only"
_VERSIONS = (
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


class NotAStore(Invalid):
    """The catalog's file is the database of another program."""


class NewerFormat(Invalid):
    """A later release of the runner wrote this store."""


class OlderFormat(Invalid):
    """An earlier release wrote this store, and it is not migrated without being asked."""


class CatalogForbidden(Invalid):
    """The database is not there, or not for the user that the URL names; the same again will fail again."""


class CatalogDamaged(Corrupt):
    """What lies in the catalog's file is no database any more."""


class CatalogRefused(Unavailable):
    """The database cannot serve the catalog for reasons outside it: no room, out of reach, a failed disk."""


class Local(sqlite3.Connection):
    """A connection to a file of this machine, as `query.Connection`."""

    is_remote = False


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say when the catalog at *path* is opened into errors of the store.

    Raises:
        CatalogRefused, CatalogDamaged.
    """
    try:
        yield
    except OSError as exc:
        raise CatalogRefused(f"{path} cannot be opened: {exc.strerror}", hint=_HINT) from exc
    except sqlite3.OperationalError as exc:
        raise CatalogRefused(f"{path} cannot be opened: {exc}", hint=_HINT) from exc
    except sqlite3.DatabaseError as exc:
        raise CatalogDamaged(f"{path} cannot be read: {exc}", hint="restore it from a copy") from exc


def refusal(path: Path, error: sqlite3.DatabaseError) -> CatalogRefused | CatalogDamaged | None:
    """Return what SQLite means when it cannot read the catalog at *path*; None: a statement is wrong."""
    code = getattr(error, "sqlite_errorcode", None)  # none: a text is not UTF-8
    if type(error) is sqlite3.DatabaseError or (isinstance(error, sqlite3.OperationalError) and code is None):
        return CatalogDamaged(f"{path} cannot be read: {error}", hint="restore it from a copy")
    if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
        return CatalogRefused(f"{path} cannot be used: {error}", hint=_HINT)
    return None


def prepare(path: Path) -> None:
    """Make the catalog at *path* ready for this release; the caller holds the writers' lock.

    Raises:
        NotAStore, NewerFormat, CatalogDamaged, CatalogRefused.
    """
    with refusals(path), closing(sqlite3.connect(path, isolation_level=None, factory=Local)) as db:
        found = _format_of(db, path)
        if found == 0:
            create(db)
    if 0 < found < FORMAT:
        from runner.store.catalog.migrate import migrate

        with refusals(path):
            migrate(path, found)


def format_at(path: Path) -> int:
    """Return the format of the file at *path*; 0: there is none. Raises as `prepare`."""
    if not path.exists():
        return 0
    with refusals(path), closing(sqlite3.connect(path, isolation_level=None)) as db:
        return _format_of(db, path)


def create(db: Local) -> None:
    """Write an empty catalog of the present form into an empty database, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    for statement in statements():
        db.execute(statement)
    fill(db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {FORMAT}")
    db.execute("COMMIT")


def fill(db: Connection) -> None:
    """Write the first rows into tables of the present form."""
    db.execute("INSERT INTO alembic_version VALUES (?)", (f"{FORMAT:04}",))
    for name, value in (("uuid", secrets.token_hex(16)), ("gc_epoch", "0")):
        insert(db, "meta", {"name": name, "value": value})
    insert(db, "project", {"name": DEFAULT_PROJECT, "description": "", "created_us": time.time_ns() // 1000})


def statements() -> list[str]:
    """Return the statements that make the tables of the present form, as SQLite spells them."""
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateIndex, CreateTable

    from runner.store.catalog.tables import metadata

    dialect = sqlite.dialect()
    made: list[str] = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(str(CreateIndex(index).compile(dialect=dialect)).strip() for index in indexes)
    return [*made, _VERSIONS]


def _format_of(db: sqlite3.Connection, path: Path) -> int:
    """Return the format on disk; 0: an empty database."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise NotAStore(f"{path} is not the catalog of a store", hint="choose another folder with --store")
    refuse_newer(version)
    return version


def refuse_newer(version: int) -> None:
    """Raise `NewerFormat` for one that this release does not know."""
    if version > FORMAT:
        raise NewerFormat(
            f"the store has format {version}, this release knows up to {FORMAT}", hint="install a newer release"
        )
