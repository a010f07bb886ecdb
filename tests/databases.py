"""The suites on PostgreSQL: where `RUNNER_TEST_STORE` names a server's database, each folder of a store has one there.

The folder still holds what belongs to the host, so that the tests are the same; processes find each other by the
database alone. What a test starts as a process of its own gets the database by `name_of`. Tests about the files or the
speed of SQLite, or about one host, carry the marker `sqlite` and are left out.

Where `RUNNER_TEST_BLOBS` names a place in an object store too, each store has its blobs below it, else in its folder.
Tests that look at the files of blobs, or say themselves where they lie, carry the marker `files` and have them there.
"""

import itertools
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableSequence
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import trio

from runner.model import store_url
from runner.model.store_url import StoreUrl
from runner.store import StoreSettings, opening
from runner.store.blobs import located
from runner.store.catalog import query, schema
from runner.store.catalog.engine import Engine
from runner.store.catalog.postgres import Postgres
from runner.store.catalog.postgres.session import Session
from runner.store.catalog.query import Connection
from runner.store.catalog.sqlite import CATALOG_NAME, LOCKS_FOLDER
from runner.store.peers import Peers, on_many_hosts

SERVER = os.environ.get("RUNNER_TEST_STORE", "")
BLOBS = os.environ.get("RUNNER_TEST_BLOBS", "")
LEASE_SECONDS = 3.0
"""So long a test may wait for what a dead process left; a busy machine lets an owner renew within it."""
_TEMPLATE = "template_store"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_NUMBERS = "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
_used: dict[Path, str] = {}
_free: list[str] = []
_kept: dict[Path, "_Kept"] = {}
_places = itertools.count(1)
_in_files = False

REFUSED = (sqlite3.Error, psycopg.Error)
"""What a connection of `connected` says of what a table cannot hold."""


class _Kept(NamedTuple):
    """What a database holds: the rows of each table as COPY writes them, and where the numbers of new ones begin."""

    tables: Mapping[str, bytes]
    numbers: Mapping[str, int]


class FolderPostgres(Postgres):
    """The catalog of the store in a folder that is kept in a database instead."""

    has_folder = True


def configure() -> None:
    """Let stores be opened in databases, where a server was named; raises what psycopg raises."""
    if SERVER:
        opening.find_engine = find_engine
        opening._peers = find_peers
        os.environ["RUNNER_STORAGE_LEASE_SECONDS"] = str(LEASE_SECONDS)
        os.environ.setdefault("RUNNER_STORAGE_HOSTS", str(Path(tempfile.gettempdir(), "runner-hosts")))


def leave_out(config: pytest.Config, items: MutableSequence[pytest.Item]) -> None:
    """Take the tests that are about SQLite out of a run on PostgreSQL."""
    if SERVER:
        ours = [item for item in items if item.get_closest_marker("sqlite") is not None]
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


def find_engine(where: Path | StoreUrl) -> Engine:
    """Return the database of a folder, which is made when there is none."""
    return Postgres(where) if isinstance(where, StoreUrl) else FolderPostgres(url_of(where))


def find_peers(where: Path | StoreUrl, _folder: Path, _settings: StoreSettings) -> AbstractAsyncContextManager[Peers]:
    """Reach the other processes by the database."""
    url = where if isinstance(where, StoreUrl) else url_of(where)
    return on_many_hosts(url.secret, LEASE_SECONDS)


def name_of(folder: Path, *, has_blobs: bool = True) -> str:
    """Return what a process of its own is given as the store in a folder, by ``--store`` or `RUNNER_STORE`.

    Args:
        folder: Of the store.
        has_blobs: False: the process chooses another place for the bytes of a new store.
    """
    if not SERVER:
        return str(folder)
    url = url_of(folder)
    (folder / LOCKS_FOLDER).mkdir(parents=True, exist_ok=True)  # what tells that it is a store's
    if has_blobs:
        _keep_blobs(url, str(folder.absolute() / "blobs"))
    return url.secret


def host_folder(folder: Path) -> Path:
    """Return where processes that got `name_of` a store keep what this host needs of it."""
    return Path(os.environ["RUNNER_STORAGE_HOSTS"], url_of(folder).label) if SERVER else folder


async def dead_are_known() -> None:
    """Return when whoever was killed before is known to be dead: one host's locks tell it at once, leases run out."""
    if SERVER:
        await trio.sleep(LEASE_SECONDS)


def _keep_blobs(url: StoreUrl, place: str) -> None:
    """Let a store have its bytes in a place, for good, unless it has them in one that other processes find too."""
    with closing(Session(url)) as session:
        store = query.value(session, "SELECT value FROM meta WHERE name = 'uuid'")
        known = query.value(session, "SELECT value FROM meta WHERE name = 'blobs'")
        if known:
            return
        located.take(place, store, 0)
        if known is None:
            query.insert(session, "meta", {"name": "blobs", "value": place})
        else:
            query.update(session, "meta", {"value": place}, "name = 'blobs'")


def url_of(folder: Path) -> StoreUrl:
    """Return the URL of the database of a store's folder, an empty store at first; for this process alone."""
    folder = folder.absolute()
    if folder not in _used:
        if not _free:
            _free.append(f"folder_{os.getpid()}_{len(_used)}_{secrets.token_hex(4)}")
            with psycopg.connect(SERVER, autocommit=True) as db:
                db.execute(f"CREATE DATABASE {_free[0]} TEMPLATE {_TEMPLATE}")
            _empty(_free[0])  # a store of its own, with an id of its own
        name = _used[folder] = _free.pop()
        if BLOBS and not _in_files:
            _keep_blobs(_url(name), f"{BLOBS}/{name}/{next(_places)}")
    return _url(_used[folder])


def put_blobs(*, in_files: bool) -> None:
    """Say whether the blobs of new stores lie in their folders, whatever else was said."""
    global _in_files  # noqa: PLW0603  # which test runs is one thing for all that it calls
    _in_files = in_files


def give_back() -> None:
    """Make the databases that a test has used empty stores again: to make new ones takes longer."""
    for name in _used.values():
        _empty(name)
        _free.append(name)
    _used.clear()


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
    """Keep what the catalog of a store, which nobody has open, holds now, so that later tests can `copy` it."""
    if SERVER:
        _kept[folder.absolute()] = _content(folder)


def copy(folder: Path, to: Path) -> None:
    """Give the store in one folder the catalog of another's, which nobody has open; then both have the same blobs."""
    if not SERVER:
        shutil.copy(folder / CATALOG_NAME, to)
        return
    kept = _kept.get(folder.absolute()) or _content(folder)
    with psycopg.connect(url_of(to).secret) as db, db.cursor() as cursor:
        db.execute("; ".join(f'DELETE FROM "{table}"' for table in kept.tables))
        for table, found in kept.tables.items():
            if found:
                with cursor.copy(f'COPY "{table}" FROM STDIN') as rows:
                    rows.write(found)
        for name, number in kept.numbers.items():
            db.execute("SELECT setval(%s, %s)", (name, number))
    (to / LOCKS_FOLDER).mkdir(exist_ok=True)  # else it would be no store's


def run_tests(server: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run tests with their stores in databases of a server, whose URL names any of these, to their end."""
    _make_template(server)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=native", *words],
        cwd=Path(__file__).parents[1],
        env=os.environ | variables | {"RUNNER_TEST_STORE": server},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _content(folder: Path) -> _Kept:
    with psycopg.connect(url_of(folder).secret, autocommit=True) as db, db.cursor() as cursor:
        tables = {}
        for (table,) in db.execute(_TABLES).fetchall():
            with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                tables[table] = b"".join(rows)
        return _Kept(tables, dict(db.execute(_NUMBERS).fetchall()))


def _empty(name: str) -> None:
    with psycopg.connect(_url(name).secret, autocommit=True) as db:
        db.execute(_END_OTHERS)
        tables = [table for (table,) in db.execute(_TABLES).fetchall()]
        db.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))
        db.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
    with closing(Session(_url(name))) as session:
        schema.fill(session)


def _make_template(server: str) -> None:
    """Make the empty store that all others begin as, unless the server has it."""
    with psycopg.connect(server, autocommit=True) as db:
        if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_TEMPLATE,)).fetchone():
            return
        db.execute(f"CREATE DATABASE {_TEMPLATE}")
    Postgres(store_url.parse(f"{server.rpartition('/')[0]}/{_TEMPLATE}")).prepare()


def _url(database: str) -> StoreUrl:
    return store_url.parse(f"{SERVER.rpartition('/')[0]}/{database}")
