"""Flips bits of the catalog of a rich store, one after the other, and looks at what a check or a reader makes of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from runner.store import Store
from runner.store.buckets.storeview import StoreView
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Connection
from runner.store.catalog.sums import KEYS
from runner.store.catalog.tables import metadata
from runner.store.check import Report, check_store
from runner.store.check.rows import check_rows
from tests import databases
from tests.store.rich import rich_store
from tests.store.world import read_all

HARMLESS = {
    ("blob", "epoch"): "a collection compares it with its own number and looks at references all the same",
    ("manifest", "epoch"): "as of a blob",
    ("blob", "id"): "of a blob that nothing refers to; of any other the reference is lost",
}
"""Columns in which a flip says nothing wrong of what is stored."""

TABLES = {table.name: table for table in metadata.sorted_tables}


class NoText(bytes):
    """The bytes of a text of which a bit has flipped so that they are no UTF-8."""

    __slots__ = ()


def flipped(value: object) -> Iterator[object]:
    """Yield what a value may be read as after a bit of it has flipped."""
    match value:
        case None:
            yield from (0, "", b"")
        case int():
            yield from (value ^ 1, value ^ 1 << 40)
        case float():
            (bits,) = struct.unpack(">q", struct.pack(">d", value))
            yield struct.unpack(">d", struct.pack(">q", bits ^ 1))[0]
        case str() | bytes():
            data = bytearray(value.encode() if isinstance(value, str) else value)
            for at in {0, len(data) - 1} if data else ():
                changed = bytes((*data[:at], data[at] ^ 1, *data[at + 1 :]))
                yield changed.decode() if isinstance(value, str) else changed
            if data and isinstance(value, str):
                yield NoText(bytes((data[0] | 0x80, *data[1:])))
            if not data:
                yield "\x00" if isinstance(value, str) else b"\x00"


class Vandal:
    """Changes one value of the catalog, behind the back of whoever has it open."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def rows(self, table: str) -> list[dict[str, object]]:
        cursor = self._db.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    @contextmanager
    def changed(self, table: str, row: dict[str, object], column: str, value: object) -> Iterator[bool]:
        """Hold another value; false: the table cannot hold it, as its form says."""
        keys = [each.name for each in TABLES[table].primary_key.columns]
        same = " AND ".join(f"{key} = ?" for key in keys)
        mark = "CAST(? AS TEXT)" if isinstance(value, NoText) else "?"
        try:
            self._db.execute(f"UPDATE {table} SET {column} = {mark} WHERE {same}", (value, *(row[key] for key in keys)))
        except databases.REFUSED:
            yield False
            return
        try:
            yield True
        finally:
            there = [value if key == column else row[key] for key in keys]
            same = " AND ".join(f"{key} = {mark if key == column else '?'}" for key in keys)
            back = f"UPDATE {table} SET {column} = ? WHERE {same} RETURNING 1"
            assert len(self._db.execute(back, (row[column], *there)).fetchall()) == 1


def told(report: Report) -> bool:
    """Tell whether damage was reported, and some of it with what it touches."""
    return any(problem.touches for problem in report.problems)


def is_harmless(vandal: Vandal, table: str, column: str, value: object) -> bool:
    if (table, column) == ("blob", "id"):
        rows = [*vandal.rows("entry"), *vandal.rows("version"), *vandal.rows("part")]
        used = {row["content"] for row in rows if row["kind"] == EntryKind.BLOB}
        return value not in used | {row["blob"] for row in vandal.rows("extent")}
    return (table, column) in HARMLESS


@contextmanager
def lent(folder: Path) -> Iterator[Vandal]:
    with databases.connected(folder) as db:
        yield Vandal(db)


async def missed_by_checks(folder: Path, *, rows: int | None, values: int | None, whole: bool) -> list[str]:
    """Flip bits one after the other; return what a check did not tell of.

    Args:
        folder: Of the store.
        rows: So many of each table; None: all.
        values: So many of each column; None: all.
        whole: Check everything each time, not only the sums of rows that have some.
    """
    missed, flips = [], 0
    async with rich_store(folder) as store:
        with lent(folder) as vandal:
            assert (await check_store(store)).is_sound
            for table in TABLES:
                found = vandal.rows(table)
                assert found, f"there is no row of {table} to damage"
                for row in found[:rows]:
                    for column, value in row.items():
                        for other in list(flipped(value))[:values]:
                            with vandal.changed(table, row, column, other) as is_changed:
                                if is_changed:
                                    flips += 1
                                    report = await look(store, table, whole=whole)
                                    if not told(report) and not is_harmless(vandal, table, column, value):
                                        missed.append(f"{table}.{column} {value!r} -> {other!r}: {report.problems}")
            assert (await check_store(store)).is_sound
    assert flips > 200
    return missed


async def look(store: Store, table: str, *, whole: bool) -> Report:
    if not whole and table in KEYS:
        report = Report()
        with closing(store.engine.open_reader()) as catalog, catalog.snapshot() as db:
            check_rows(db, report, breathe=lambda: None)
        return report
    return await check_store(store)


READ = ("entry", "extent", "blob", "manifest", "branch", "burst", "commits", "layer", "version", "part_list", "repo")


async def read_as_if_whole(folder: Path, *, rows: int | None, values: int | None) -> list[str]:
    """Flip bits of what a read looks at; return which reads ended well with other bytes or attributes."""
    wrong = []
    async with rich_store(folder) as store:
        view = StoreView(store, None, project="default")
        whole = {name: await read_bucket(view, name) for name in ("data", "double", "staged")}
        with lent(folder) as vandal:
            for table in READ:
                for row in vandal.rows(table)[:rows]:
                    for column, value in row.items():
                        for other in list(flipped(value))[:values]:
                            with vandal.changed(table, row, column, other) as is_changed:
                                for name in whole if is_changed else ():
                                    found = await read_bucket(view, name)
                                    differ = {key for key, data in found.items() if data != whole[name].get(key)}
                                    if differ:
                                        wrong.append(f"{table}.{column} {value!r} -> {other!r}: {name} {differ}")
    return wrong


async def read_bucket(view: StoreView, name: str) -> dict[bytes, object]:
    """Return what each key of a bucket is read as; a key that ends in an error is left out."""
    found: dict[bytes, object] = {}
    for key in (b"k0", b"k1", b"k2", b"k3", b"k4", b"k", b"large", b"result", b"multipart", b"input", b"more"):
        try:
            bucket = await view.get_bucket(name)
            reader = await bucket.get(key)
            data = await read_all(reader)
        except Exception:  # noqa: BLE001  # an error is what a damaged object may end in
            continue
        entry = reader.entry
        found[key] = (data, entry.etag, entry.size, entry.modified, entry.attributes, entry.checksum, entry.parts)
    return found
