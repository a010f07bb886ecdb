"""The suites on PostgreSQL: where `RUNNER_TEST_STORE` names a server's database, each folder of a store has one there.

The folder still holds the blobs and what belongs to the host, so that the tests are the same. Tests about the files of
SQLite carry the marker `sqlite` and are left out.
"""

import os
import secrets
from collections.abc import MutableSequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from runner.model import store_url
from runner.model.store_url import StoreUrl
from runner.store import opening
from runner.store.catalog import schema
from runner.store.catalog.engine import Engine
from runner.store.catalog.postgres import Postgres, Session

SERVER = os.environ.get("RUNNER_TEST_STORE", "")
_TEMPLATE = "template_store"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_used: dict[Path, str] = {}
_free: list[str] = []


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
    if folder not in _used:
        if not _free:
            _free.append(f"folder_{os.getpid()}_{len(_used)}_{secrets.token_hex(4)}")
            with psycopg.connect(SERVER, autocommit=True) as db:
                db.execute(f"CREATE DATABASE {_free[0]} TEMPLATE {_TEMPLATE}")
        _used[folder] = _free.pop()
    return _url(_used[folder])


def give_back() -> None:
    """Make the databases that a test has used empty stores again: to make new ones takes longer."""
    for name in _used.values():
        with psycopg.connect(_url(name).secret, autocommit=True) as db:
            db.execute(_END_OTHERS)
            tables = [table for (table,) in db.execute(_TABLES).fetchall()]
            db.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))
            db.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
        with closing(Session(_url(name))) as session:
            schema.fill(session)
        _free.append(name)
    _used.clear()


def make_template(server: str) -> None:
    """Make the empty store that all others begin as; once for each server."""
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {_TEMPLATE}")
    Postgres(store_url.parse(f"{server.rpartition('/')[0]}/{_TEMPLATE}")).prepare()


def _url(database: str) -> StoreUrl:
    return store_url.parse(f"{SERVER.rpartition('/')[0]}/{database}")
