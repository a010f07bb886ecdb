"""The suites on PostgreSQL: where `RUNNER_TEST_STORE` names a server's database, each folder of a store has one there.

The folder still holds the blobs and what belongs to the host, so that the tests are the same. Tests about the files of
SQLite carry the marker `sqlite` and are left out.
"""

import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, MutableSequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from runner.model import store_url
from runner.model.store_url import StoreUrl
from runner.store import opening
from runner.store.catalog import schema
from runner.store.catalog.engine import Engine
from runner.store.catalog.postgres import Postgres, Session
from runner.store.catalog.query import Connection
from runner.store.catalog.sqlite import CATALOG_NAME, LOCKS_FOLDER

SERVER = os.environ.get("RUNNER_TEST_STORE", "")
_TEMPLATE = "template_store"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_used: dict[Path, str] = {}
_kept: dict[Path, str] = {}
_copies: set[str] = set()
_free: list[str] = []

REFUSED = (sqlite3.Error, psycopg.Error)
"""What a connection of `connected` says of what a table cannot hold."""


class FolderPostgres(Postgres):
    """The catalog of the store in a folder that is kept in a database instead."""

    has_folder = True


def configure() -> None:
    """Let stores be opened in databases, where a server was named; raises what psycopg raises."""
    if SERVER:
        opening.find_engine = find_engine


def leave_out(config: pytest.Config, items: MutableSequence[pytest.Item]) -> None:
    """Take the tests that are about SQLite out of a run on PostgreSQL."""
    if SERVER:
        ours = [item for item in items if item.get_closest_marker("sqlite") is not None]
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


def find_engine(where: Path | StoreUrl) -> Engine:
    """Return the database of a folder, which is made when there is none."""
    return Postgres(where) if isinstance(where, StoreUrl) else FolderPostgres(url_of(where))


def url_of(folder: Path) -> StoreUrl:
    """Return the URL of the database of a store's folder, an empty store at first; for this process alone."""
    folder = folder.absolute()
    if folder in _kept:
        return _url(_kept[folder])
    if folder not in _used:
        _used[folder] = _free.pop() if _free else _create(_TEMPLATE)
    return _url(_used[folder])


@contextmanager
def connected(folder: Path) -> Iterator[Connection]:
    """Connect to the catalog of the store in a folder, past the store; each statement is a transaction of its own."""
    if SERVER:
        db = Session(url_of(folder))
    else:
        db = sqlite3.connect(folder / CATALOG_NAME, isolation_level=None)
        db.execute("PRAGMA wal_autocheckpoint = 0")
    with closing(db):
        yield db


def keep(folder: Path) -> None:
    """Let the catalog of a store stay as it is until all tests have run."""
    if SERVER:
        _kept[folder.absolute()] = _used.pop(folder.absolute())


def copy(folder: Path, to: Path) -> None:
    """Give the store in one folder the catalog of another's, which nobody has open."""
    if SERVER:
        _used[to.absolute()] = _create(url_of(folder).secret.rpartition("/")[2])
        _copies.add(_used[to.absolute()])
        (to / LOCKS_FOLDER).mkdir(exist_ok=True)  # else it would be no store's
    else:
        shutil.copy(folder / CATALOG_NAME, to)


def _create(template: str) -> str:
    name = f"folder_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(SERVER, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def give_back() -> None:
    """Make the databases that a test has used empty stores again: to make new ones takes longer."""
    for name in _copies:
        with psycopg.connect(SERVER, autocommit=True) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for name in {*_used.values()} - _copies:
        with psycopg.connect(_url(name).secret, autocommit=True) as db:
            db.execute(_END_OTHERS)
            tables = [table for (table,) in db.execute(_TABLES).fetchall()]
            db.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))
            db.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
        with closing(Session(_url(name))) as session:
            schema.fill(session)
        _free.append(name)
    _used.clear()
    _copies.clear()


def run_tests(server: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run tests with their stores in databases of a server, whose URL names any of these, to their end."""
    _make_template(server)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=native", *words],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"RUNNER_TEST_STORE": server},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _make_template(server: str) -> None:
    """Make the empty store that all others begin as, unless the server has it."""
    with psycopg.connect(server, autocommit=True) as db:
        if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_TEMPLATE,)).fetchone():
            return
        db.execute(f"CREATE DATABASE {_TEMPLATE}")
    Postgres(store_url.parse(f"{server.rpartition('/')[0]}/{_TEMPLATE}")).prepare()


def _url(database: str) -> StoreUrl:
    return store_url.parse(f"{SERVER.rpartition('/')[0]}/{database}")
