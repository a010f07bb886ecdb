"""Bringing an older catalog to the present form, by hand-written SQL; alembic keeps the order."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from runner.store.catalog.schema import APPLICATION_ID, FORMAT


def migrate(path: Path, found: int) -> Path:
    """Migrate the catalog at *path* from format *found*, each step in one transaction.

    The caller holds the writers' lock.

    Returns:
        Where the copy of the catalog lies that was made before.
    """
    copy = path.with_name(f"{path.name}.format-{found}")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(path, copy)
    upgrade(path, f"{FORMAT:04}")
    return copy


def upgrade(path: Path, revision: str) -> None:
    """Run alembic's steps up to *revision*."""
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", _leave_transactions_alone)
    sa.event.listen(engine, "begin", _begin_immediate)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {int(revision)}")
    finally:
        engine.dispose()


def _leave_transactions_alone(db: object, _record: object) -> None:
    """Keep the driver from committing before each CREATE TABLE, so that a failed step leaves nothing."""
    db.isolation_level = None  # type: ignore[attr-defined]


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
