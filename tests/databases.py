"""The suites on PostgreSQL: where `RUNNER_TEST_STORE` names a server's database, each folder of a store has one there.

The folder still holds the blobs and what belongs to the host, so that the tests are the same. Tests about the files of
SQLite carry the marker `sqlite` and are left out.
"""

import os
from collections.abc import MutableSequence
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from runner.model import store_url
from runner.model.store_url import StoreUrl
from runner.store import opening
from runner.store.catalog.engine import Engine
from runner.store.catalog.postgres import Postgres

SERVER = os.environ.get("RUNNER_TEST_STORE", "")
_TEMPLATE = "template_store"
_made: set[str] = set()


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
    """Return the URL of the database of a store's folder, an empty store at first."""
    name = f"folder_{sha256(str(folder.absolute()).encode()).hexdigest()[:24]}"
    if name not in _made:
        _made.add(name)
        with psycopg.connect(SERVER, autocommit=True) as db:
            if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                db.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    return _url(name)


def drop() -> None:
    """Drop the databases that this process has made."""
    if _made:
        with psycopg.connect(SERVER, autocommit=True) as db:
            for name in _made:
                db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        _made.clear()


def make_template(server: str) -> None:
    """Make the empty store that all others begin as; once for each server."""
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {_TEMPLATE}")
    Postgres(store_url.parse(f"{server.rpartition('/')[0]}/{_TEMPLATE}")).prepare()


def _url(database: str) -> StoreUrl:
    return store_url.parse(f"{SERVER.rpartition('/')[0]}/{database}")
