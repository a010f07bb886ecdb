from __future__ import annotations

import errno
import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
import trio

from runner.model.errors import Unavailable
from runner.store import StoreSettings, open_store, opening, settle
from runner.store.blobs import StoreFull
from runner.store.catalog import migrate, schema, sums
from runner.store.catalog.sqlite import CATALOG_NAME, Sqlite
from runner.store.catalog.tables import metadata
from runner.store.history import repos
from runner.store.history.repos import NoSuchRepo
from runner.store.opening import FolderForbidden, FolderRefused, NetworkFolder
from tests.store.world import commit_objects, content

pytestmark = pytest.mark.sqlite

GOLDEN_SUM = 107_048_986


def forms(path) -> dict[str, str]:
    """Return what SQLite says of its tables, whatever the white space."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    db.close()
    return {
        name: re.sub(r"\s+", " ", sql).replace("( ", "(").replace(" )", ")").replace(" ,", ",") for name, sql in rows
    }


def one_by_one(cursor) -> None:
    while cursor.fetchone():
        pass


def numbers(path) -> list[int]:
    db = sqlite3.connect(path)
    found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    db.close()
    return found


async def test_a_fresh_catalog_is_a_migrated_one(tmp_path):
    schema.prepare(tmp_path / "fresh")
    migrate.upgrade(tmp_path / "migrated", f"{schema.FORMAT:04}")
    assert forms(tmp_path / "fresh") == forms(tmp_path / "migrated")
    assert numbers(tmp_path / "fresh") == numbers(tmp_path / "migrated") == [0x52554E52, schema.FORMAT]


async def test_small_tables_are_clustered_and_all_are_strict(tmp_path):
    schema.prepare(tmp_path / "db")
    tables = {name: sql for name, sql in forms(tmp_path / "db").items() if sql.startswith("CREATE TABLE")}
    assert all("STRICT" in sql for name, sql in tables.items() if name not in ("alembic_version", "sqlite_sequence"))
    assert "WITHOUT ROWID" in tables["entry"]


async def test_an_older_catalog_is_copied_before_it_is_migrated(tmp_path, monkeypatch):
    path = tmp_path / "db"
    schema.prepare(path)
    monkeypatch.setattr(migrate, "upgrade", lambda *_: None)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:  # another process on the store
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("INSERT INTO meta (name, value) VALUES ('in', 'the log yet')")
        copy = migrate.migrate(path, 1)
        before = list(db.iterdump())
    assert copy.name == "db.format-1"
    with closing(sqlite3.connect(copy)) as saved:
        assert list(saved.iterdump()) == before
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk I/O error")], ids=["os", "sqlite"]
)
async def test_a_disk_that_fails_a_migration_is_told_and_nothing_is_migrated(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    (tmp_path / "locks").mkdir()
    migrate.upgrade(tmp_path / CATALOG_NAME, "0007")
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "upgrade", fail)
        with pytest.raises(Unavailable):
            async with open_store(tmp_path):
                pass
    assert numbers(tmp_path / CATALOG_NAME)[1] == 7
    async with open_store(tmp_path):
        pass


async def test_a_migration_that_fails_leaves_nothing(tmp_path, monkeypatch):
    from alembic import command

    def fail(config, _revision):
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (x)")
        raise RuntimeError("broken step")

    monkeypatch.setattr(command, "upgrade", fail)
    with pytest.raises(RuntimeError, match="broken step"):
        migrate.upgrade(tmp_path / "db", "0001")
    assert forms(tmp_path / "db") == {}


async def test_what_watched_its_inputs_is_registered_after_a_migration(tmp_path):
    path = tmp_path / "db"
    migrate.upgrade(path, "0003")
    db = sqlite3.connect(path)
    db.executemany(
        'INSERT INTO "trigger" (project, repo, branch, pipeline, version) VALUES (?, ?, ?, ?, ?)',
        [("default", "data", "master", 1, 3), ("default", "other", "master", 1, 3), ("default", "a", "master", 2, 1)],
    )
    db.commit()
    db.close()
    migrate.upgrade(path, "0005")
    db = sqlite3.connect(path)
    assert db.execute("SELECT * FROM registration").fetchall() == [(1, 3, 0), (2, 1, 0)]
    assert db.execute('SELECT repo, pipeline FROM "trigger" ORDER BY repo').fetchall() == [
        ("a", 2),
        ("data", 1),
        ("other", 1),
    ]
    db.close()


async def test_rows_of_an_older_catalog_have_sums_after_a_migration(tmp_path):
    path = tmp_path / CATALOG_NAME
    migrate.upgrade(path, "0010")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO project VALUES ('old', 'made before', 1)")
        rows = [(1, b"k%d" % n, 0, None, None, None, None, None, None, None, None, None) for n in range(2500)]
        db.executemany(f"INSERT INTO entry VALUES ({', '.join('?' * 12)})", rows)
    migrate.upgrade(path, f"{schema.FORMAT:04}")
    with closing(sqlite3.connect(path)) as db:
        for table, count in (("project", 1), ("entry", 2500)):
            cursor = db.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            assert [sums.is_right(columns, row) for row in cursor] == [True] * count


def test_what_has_sums_is_known_by_its_primary_key():
    keys = {
        table.name: tuple(column.name for column in table.primary_key.columns)
        for table in metadata.sorted_tables
        if "crc" in table.columns
    }
    assert keys == sums.KEYS


def test_the_sum_of_a_known_row_is_known():
    """The golden value of format 11, whatever Python it is."""
    assert sums.crc_of((1, b"key", None, "text", 1 << 40, 0.5, -1, "ä", b"")) == GOLDEN_SUM


async def test_a_store_stays_what_it_was(tmp_path):
    async with open_store(tmp_path / "s") as store:
        await repos.create(store, "default", "data", "text")
    async with open_store(tmp_path / "s") as store:
        assert (await repos.inspect(store, "default", "data")).description == "text"


async def test_opening_does_not_import_alembic(tmp_path):
    program = (
        "import sys, trio, pathlib\nfrom runner.store import open_store\n"
        "async def main():\n    async with open_store(pathlib.Path(sys.argv[1])): pass\n"
        "trio.run(main)\nassert 'alembic' not in sys.modules"
    )
    await trio.run_process([sys.executable, "-c", program, str(tmp_path / "s")])


@pytest.mark.parametrize(
    ("pragma", "error"),
    [("user_version = 999", schema.NewerFormat), ("application_id = 1", schema.NotAStore)],
)
async def test_what_is_not_ours_is_refused(tmp_path, pragma, error):
    async with open_store(tmp_path / "s"):
        pass
    db = sqlite3.connect(tmp_path / "s" / CATALOG_NAME)
    db.execute(f"PRAGMA {pragma}")
    db.close()
    with pytest.raises(error):
        async with open_store(tmp_path / "s"):
            pass


async def test_a_damaged_catalog_is_corrupt_and_not_made_anew(tmp_path):
    (tmp_path / CATALOG_NAME).write_bytes(b"no database at all" * 1000)
    with pytest.raises(schema.CatalogDamaged):
        async with open_store(tmp_path):
            pass
    assert (tmp_path / CATALOG_NAME).read_bytes().startswith(b"no database")


async def test_a_folder_of_other_files_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(schema.NotAStore, match="other files"):
        async with open_store(tmp_path):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


async def test_a_new_store_is_for_its_owner_alone(tmp_path):
    async with open_store(tmp_path / "a" / "s"):
        pass
    assert (tmp_path / "a" / "s").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("size", [10, 200_000])
async def test_a_store_without_its_catalog_is_no_new_one(tmp_path, size):
    """A new one would take the bytes of the old for garbage."""
    async with open_store(tmp_path / "s") as store:
        await commit_objects(store, {b"k": b"v" * size})
    for path in (tmp_path / "s").glob("catalog.sqlite3*"):
        path.rename(tmp_path / path.name)
    with pytest.raises(opening.CatalogLost, match=r"catalog\.sqlite3"):
        async with open_store(tmp_path / "s"):
            pass
    for path in tmp_path.glob("catalog.sqlite3*"):
        path.rename(tmp_path / "s" / path.name)
    async with open_store(tmp_path / "s") as store:
        assert await content(store, "data@master") == {b"k": b"v" * size}


async def test_an_empty_disk_is_an_empty_folder(tmp_path):
    (tmp_path / "lost+found").mkdir()
    async with open_store(tmp_path):
        pass


async def test_a_catalog_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    """SQLite says OperationalError for want of room and of rights: nothing has to be restored."""
    (tmp_path / CATALOG_NAME).mkdir()
    with pytest.raises(schema.CatalogRefused, match="cannot be opened"):
        async with open_store(tmp_path):
            pass


async def test_a_network_folder_is_refused_unless_that_is_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "network_file_system", lambda _folder: "NFS")
    with pytest.raises(NetworkFolder, match="NFS") as caught:
        async with open_store(tmp_path / "s"):
            pass
    assert "PostgreSQL" in caught.value.hint
    async with open_store(tmp_path / "s", settings=StoreSettings(allow_network_folder=True)):
        pass


async def test_a_file_system_is_known_by_its_magic_number(tmp_path, monkeypatch):
    assert opening.network_file_system(tmp_path) is None
    monkeypatch.setattr(opening, "_NETWORK_FILE_SYSTEMS", {0x9FA0: "proc"})
    assert opening.network_file_system(Path("/proc")) == "proc"


async def test_a_folder_that_cannot_be_made_is_for_its_user_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderForbidden, match="Not a directory") as caught:
        async with open_store(tmp_path / "file" / "s"):
            pass
    assert "--store" in caught.value.hint


async def test_a_folder_that_a_full_disk_has_no_room_for_may_be_made_later(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(FolderRefused, match="No space"):
        async with open_store(tmp_path / "s"):
            pass


async def test_an_error_of_the_block_leaves_as_it_is(tmp_path):
    with pytest.raises(NoSuchRepo):
        async with open_store(tmp_path / "s") as store:
            await repos.inspect(store, "default", "missing")


async def test_a_store_that_cannot_be_settled_now_can_be_read(tmp_path, monkeypatch):
    """Its disk is full, say: what there is has to be read, and some of it removed, to make room."""

    async def refuse(_store):
        raise StoreFull("the disk is full")

    async with open_store(tmp_path / "s") as store:
        await repos.create(store, "default", "data", "text")
    monkeypatch.setattr(settle, "settle", refuse)
    async with open_store(tmp_path / "s") as store:
        assert (await repos.inspect(store, "default", "data")).description == "text"


async def test_a_lock_of_writers_that_cannot_be_opened_is_no_mistake_of_ours(tmp_path):
    async with open_store(tmp_path / "s"):
        pass
    lock = tmp_path / "s" / "locks" / "writer"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(schema.CatalogRefused):
        Sqlite(tmp_path / "s").open_writer()


@pytest.mark.parametrize("read", [list, lambda db: db.fetchall(), lambda db: db.fetchmany(10_000), one_by_one])
async def test_a_catalog_that_cannot_be_read_any_further_is_corrupt(tmp_path, read):
    schema.prepare(tmp_path / CATALOG_NAME)
    with closing(sqlite3.connect(tmp_path / CATALOG_NAME)) as db, db:
        db.executemany("INSERT INTO meta (name, value) VALUES (?, '')", [(f"z{number:05}",) for number in range(5000)])
    with (tmp_path / CATALOG_NAME).open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\xff" * 4096)  # the last page of that table
    with closing(Sqlite(tmp_path).open_reader()) as catalog:
        cursor = catalog.db.execute("SELECT name FROM meta ORDER BY name")
        with pytest.raises(schema.CatalogDamaged, match=CATALOG_NAME):
            read(cursor)
        with pytest.raises(schema.CatalogDamaged, match=CATALOG_NAME):
            catalog.db.execute("SELECT count(*) FROM meta")


async def test_a_catalog_that_another_program_keeps_for_itself_is_refused_and_not_corrupt(tmp_path):
    schema.prepare(tmp_path / CATALOG_NAME)
    with closing(Sqlite(tmp_path).open_reader()) as catalog:
        catalog.db.execute("PRAGMA busy_timeout = 0")
        with closing(sqlite3.connect(tmp_path / CATALOG_NAME, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(schema.CatalogRefused, match="locked"):
                catalog.db.execute("SELECT * FROM meta")


async def test_a_wrong_statement_is_a_bug(tmp_path):
    schema.prepare(tmp_path / CATALOG_NAME)
    with closing(Sqlite(tmp_path).open_reader()) as catalog, pytest.raises(sqlite3.OperationalError):
        catalog.db.execute("SELECT nonsense")
