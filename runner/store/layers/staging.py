"""Staging: open layers. All here runs inside a write transaction, where what is judged is what is written on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from runner.model.entry import NO_CONDITION, Condition, Entry, Part
from runner.store.catalog import query
from runner.store.catalog.codes import EntryKind, LayerKind, LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.catalog.sums import crc_of
from runner.store.layers import tree
from runner.store.layers.entries import READ, Row, encode_parts, row_of, tombstone
from runner.store.refusals import NoSuchKey, PreconditionFailed, ViewClosed
from runner.store.times import from_us

ROWS_AT_ONCE = 1000
_MARKS = ", ".join("?" for _ in ("layer", *Row._fields, "crc"))
_SET = ", ".join(f"{name} = excluded.{name}" for name in (*Row._fields, "crc") if name != "key")
_PUT = (
    f"INSERT INTO entry ({READ}) VALUES ({_MARKS})"  # noqa: S608  # constants
    f" ON CONFLICT (layer, key) DO UPDATE SET {_SET}"
)
_MEASURE = f"""
    UPDATE layer SET
        (rows, tombstones, bytes) = (
            SELECT count(*), count(*) FILTER (WHERE e.kind = {EntryKind.TOMBSTONE:d}), coalesce(sum(e.size), 0)
            FROM entry e WHERE e.layer = layer.id
        ),  -- the ends by themselves: bytes have no min() in PostgreSQL
        min_key = (SELECT e.key FROM entry e WHERE e.layer = layer.id ORDER BY e.key LIMIT 1),
        max_key = (SELECT e.key FROM entry e WHERE e.layer = layer.id ORDER BY e.key DESC LIMIT 1)
    WHERE id = ?
"""  # noqa: S608  # constants


class Stack(NamedTuple):
    """An open layer and what lies below it, newest first."""

    top: int
    below: tree.ReadSet

    @property
    def read_set(self) -> tree.ReadSet:
        """The layers that a read merges."""
        return (self.top, *self.below)


def open_layer(tx: Transaction, owner: str) -> int:
    """Begin a layer and return its number; *owner* names the lock that its writer holds."""
    values = {"kind": LayerKind.DELTA, "state": LayerState.OPEN, "owner": owner}
    return query.insert_numbered(tx.db, "layer", values)


def require_open(tx: Transaction, layer: int) -> None:
    """Raise `ViewClosed` unless *layer* still takes entries."""
    if query.value(tx.db, "SELECT state FROM layer WHERE id = ?", (layer,)) != LayerState.OPEN:
        raise ViewClosed("the attempt has ended; nothing can be written any more")


def judge(db: Connection, layers: tree.ReadSet, key: bytes, condition: Condition) -> None:
    """Raise `PreconditionFailed` or `NoSuchKey` unless *condition* holds for what is there now."""
    if condition == NO_CONDITION:
        return
    row = tree.find(db, layers, key)
    etag = None if row is None else row.etag
    if condition.if_match and etag is None:
        raise NoSuchKey("there is no object to match")
    if condition.if_match and not _names(condition.if_match, etag):
        raise PreconditionFailed("the object has another ETag")
    if condition.if_none_match and _names(condition.if_none_match, etag):
        raise PreconditionFailed("the object is there")


def put(tx: Transaction, layer: int, entry: Entry, parts: int | None = None) -> None:
    """Write an entry into an open layer; *parts* is the number of its part list."""
    put_row(tx, layer, row_of(entry, parts))


def keep_parts(tx: Transaction, parts: Sequence[Part]) -> int | None:
    """Write a part list and return its number; None when there are no parts."""
    if not parts:
        return None
    return query.insert_numbered(tx.db, "part_list", {"parts": encode_parts(parts)})


def put_row(tx: Transaction, layer: int, row: Row) -> None:
    """Write a row into a layer, over the one that it has under that key."""
    tx.db.execute(_PUT, _values(layer, row))


def put_rows(tx: Transaction, layer: int, rows: Iterable[Row]) -> None:
    """Write many rows, as `put_row` does; a part of them at a time is held."""
    pending = iter(rows)
    while some := [_values(layer, row) for row in islice(pending, ROWS_AT_ONCE)]:
        tx.db.executemany(_PUT, some)


def _values(layer: int, row: Row) -> tuple[object, ...]:
    values = (layer, row.key, int(row.kind), *row[2:])
    return (*values, crc_of(values))


def delete(tx: Transaction, stack: Stack, key: bytes, condition: Condition = NO_CONDITION) -> None:
    """Remove a key: its own row, and by a tombstone what lies below.

    Raises:
        PreconditionFailed: There is an object, and *condition* does not hold for it.
    """
    if condition != NO_CONDITION:
        row = tree.find(tx.db, stack.read_set, key)
        if row is None:
            return
        judge_row(row, condition)
    if tree.find(tx.db, stack.below, key) is None:
        tx.db.execute("DELETE FROM entry WHERE layer = ? AND key = ?", (stack.top, key))
    else:
        put_row(tx, stack.top, tombstone(key))


def set_state(tx: Transaction, layer: int, state: LayerState) -> None:
    """Seal a layer, or put it aside; it takes no entries from then on."""
    query.update(tx.db, "layer", {"state": state}, "id = ?", (layer,))


def measure(tx: Transaction, layer: int) -> tuple[int, int]:
    """Note what a sealed layer holds, for reads and merges; return its objects and their bytes."""
    query.write(tx.db, "layer", _MEASURE, (layer,))
    objects, size_bytes = query.one(tx.db, "SELECT rows - tombstones, bytes FROM layer WHERE id = ?", (layer,))
    return objects, size_bytes


def remove_rows(tx: Transaction, layer: int, limit: int) -> bool:
    """Remove so many rows of a dropped layer, and with the last of them the layer; tell whether there are more."""
    removed = tx.db.execute(
        "DELETE FROM entry WHERE layer = ? AND key IN (SELECT key FROM entry WHERE layer = ? ORDER BY key LIMIT ?)",
        (layer, layer, limit),
    ).rowcount
    if removed == limit:
        return True
    tx.db.execute("DELETE FROM layer WHERE id = ?", (layer,))
    return False


def judge_row(row: Row, condition: Condition) -> None:
    """Raise `PreconditionFailed` unless *row* is what is to be deleted; a delete marker has no ETag and no size."""
    if condition.if_match and row.etag not in condition.if_match and "*" not in condition.if_match:
        raise PreconditionFailed("the object has another ETag")
    modified = from_us(row.modified_us)
    if condition.if_modified is not None and (
        modified is None or modified.replace(microsecond=0) != condition.if_modified
    ):
        raise PreconditionFailed("the object was modified at another time")
    if condition.if_size is not None and row.size != condition.if_size:
        raise PreconditionFailed("the object has another size")


def _names(etags: tuple[str, ...], etag: str | None) -> bool:
    return etag is not None and ("*" in etags or etag in etags)
