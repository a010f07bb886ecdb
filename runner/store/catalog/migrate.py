"""Bringing an older catalog to the present form, by hand-written SQL; alembic keeps the order."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from runner.store.blobs.system import OS, sync_folder
from runner.store.catalog.schema import APPLICATION_ID, FORMAT


def migrate(path: Path, found: int) -> Path:
    """Migrate the catalog at *path* from format *found*, in one transaction.

    The caller holds the writers' lock.

    Returns:
        Where the copy of the catalog lies that was made before; it is whole and durable, or not there.

    Raises:
        sqlite3.Error, OSError: Nothing was migrated.
    """
    copy = path.with_name(f"{path.name}.format-{found}")
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)  # of a migration that was broken off
        with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(part)) as saved:
            db.backup(saved)  # also what lies in the log yet
        part.rename(copy)
        sync_folder(OS, path.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)  # a full disk gains nothing from it
        raise
    upgrade(path, f"{FORMAT:04}")
    return copy


def upgrade(path: Path, revision: str) -> None:
    """Run alembic's steps up to *revision*; raises `sqlite3.Error`."""
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", _leave_transactions_alone)
    sa.event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            run_steps(connection, revision)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {int(revision)}")
    except sa.exc.DBAPIError as exc:
        if exc.orig is None:
            raise
        raise exc.orig from exc
    finally:
        engine.dispose()


def run_steps(connection: sa.Connection, revision: str) -> None:
    """Run alembic's steps up to *revision* in the transaction of *connection*."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _leave_transactions_alone(db: object, _record: object) -> None:
    """Keep the driver from committing before each CREATE TABLE, so that a failed step leaves nothing."""
    db.isolation_level = None  # type: ignore[attr-defined]


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
