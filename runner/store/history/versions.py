"""S3's versions of the keys of a branch: an axis of its own beside commits.

A branch that never had versioning asked for keeps none. From then on each write of a key, through a bucket, leaves a
version: one of its own while versioning is enabled, the version ``null`` while it is suspended. What the branch holds
is still what its layers hold; the newest version of a key is a second account of it. The two differ where somebody
wrote to the branch beside S3 (an import, a job, a branch that was moved): what S3 then sees as newest is a ``null``
version, as of everything that was written while versioning was not enabled.

All here runs inside a write transaction, or only reads.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any, NamedTuple

from runner.store.catalog.codes import EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection, Cursor
from runner.store.catalog.sums import RowDamaged, crc_of
from runner.store.history import documents
from runner.store.history.staged import BranchKey
from runner.store.layers import tree
from runner.store.layers.entries import Row, tombstone
from runner.store.refusals import InvalidPosition
from runner.store.times import from_us
from runner.store.view import NULL_VERSION, Versioning

_COLUMNS = f"repo, branch, key, seq, id, {', '.join(Row._fields[1:-1])}, crc"
_OF_KEY = f"SELECT {_COLUMNS} FROM version WHERE repo = ? AND branch = ? AND key = ?"  # noqa: S608  # constants
_NEWEST = f"{_OF_KEY} ORDER BY seq DESC LIMIT 1"
_BY_ID = f"{_OF_KEY} AND id = ?"
_BELOW = f"{_OF_KEY} AND seq < ? ORDER BY seq DESC LIMIT ?"
_INSERT = f"INSERT INTO version ({_COLUMNS}) VALUES ({', '.join('?' for _ in range(15))})"  # noqa: S608  # constants
_REMOVE = "DELETE FROM version WHERE repo = ? AND branch = ? AND key = ? AND seq = ?"
_NEXT_KEY = "SELECT key FROM version WHERE repo = ? AND branch = ? AND key >= ? ORDER BY key LIMIT 1"


_POSITION = re.compile(r"([0-9a-f]{14,16})-(?:[0-9a-f]{16}|null)")


class Version(NamedTuple):
    """One version of a key.

    Attributes:
        seq: Grows with each version of the key, and is never used again.
        id: As S3 shows it.
        row: What it holds; a tombstone with a time: a delete marker.
    """

    seq: int
    id: str
    row: Row

    @property
    def position(self) -> str:
        """Where it stands among the versions of its key, also when it is gone."""
        return f"{self.seq:014x}-{self.id}" if self.id == NULL_VERSION else self.id

    @property
    def modified(self) -> datetime:
        """When it was written."""
        return from_us(self.row.modified_us or 0)

    @property
    def is_marker(self) -> bool:
        """Whether it says that the key was deleted."""
        return self.row.kind == EntryKind.TOMBSTONE


def state(db: Connection, branch: BranchKey) -> Versioning | None:
    """Return whether the branch keeps versions; None: it was never asked to."""
    body = documents.find(db, branch, documents.VERSIONING)
    return None if body is None else Versioning(body.decode())


def newest(db: Connection, branch: BranchKey, key: bytes, current: Row | None) -> Version | None:
    """Return the newest version of a key as S3 sees it.

    Args:
        db: The catalog.
        branch: Of the key.
        key: Which.
        current: What the branch holds under it; None: nothing.
    """
    return _newest(_first(db.execute(_NEWEST, (*branch, key))), key, current)


def find(db: Connection, branch: BranchKey, key: bytes, version: str, current: Row | None) -> Version | None:
    """Return the version of that id, as S3 sees it; *current* is what the branch holds under the key."""
    if version == NULL_VERSION:
        top = newest(db, branch, key, current)
        if top is not None and top.id == NULL_VERSION:
            return top
    return _first(db.execute(_BY_ID, (*branch, key, version)))


def page(
    db: Connection, branch: BranchKey, key: bytes, current: Row | None, *, below: int | None, limit: int
) -> list[Version]:
    """Return versions of a key as S3 sees them, the newest first.

    Args:
        db: The catalog.
        branch: Of the key.
        key: Which.
        current: What the branch holds under it.
        below: Only versions with a smaller number; None: all.
        limit: At most so many.
    """
    stored = _first(db.execute(_NEWEST, (*branch, key)))
    top = _newest(stored, key, current)
    first = top.seq + 1 if top is not None and below is None else below or 0
    rows = [_version(row) for row in db.execute(_BELOW, (*branch, key, first, limit + 1))]
    if top is not None and top is not stored:  # it is the null version, in place of one that is stored
        rows = [row for row in rows if row.id != NULL_VERSION]
        if top.seq < first:
            rows.insert(0, top)
    return rows[:limit]


def next_key(db: Connection, branch: BranchKey, start: bytes) -> bytes | None:
    """Return the first key from *start* on that has versions beside what the branch holds."""
    row = db.execute(_NEXT_KEY, (*branch, start)).fetchone()
    return None if row is None else row[0]


def has_some(db: Connection, branch: BranchKey) -> bool:
    """Tell whether any key has versions, delete markers counted."""
    return next_key(db, branch, b"") is not None


def add(tx: Transaction, branch: BranchKey, layers: tree.ReadSet, key: bytes, row: Row | None) -> Version | None:
    """Note that a key is written, or deleted, if the branch keeps versions; before the layers change.

    Args:
        tx: The transaction of the write.
        branch: Of the key.
        layers: What the branch holds before.
        key: Which.
        row: What it will hold; None: nothing, which leaves a delete marker.

    Returns:
        The new version; None: the branch keeps none.
    """
    kept = state(tx.db, branch)
    if kept is None:
        return None
    top = settle(tx, branch, key, tree.find(tx.db, layers, key))
    seq = max(tx.now_us, 0 if top is None else top.seq + 1)
    new_id = NULL_VERSION if kept is Versioning.SUSPENDED else f"{seq:014x}-{secrets.token_hex(8)}"
    version = Version(seq, new_id, row or _marker(key, tx.now_us))
    _insert(tx, branch, version)
    return version


def settle(tx: Transaction, branch: BranchKey, key: bytes, current: Row | None) -> Version | None:
    """Make what was written beside S3 a version of the key, which it is seen as; return the newest version."""
    stored = _first(tx.db.execute(_NEWEST, (*branch, key)))
    top = _newest(stored, key, current)
    if top is not None and top is not stored:
        _insert(tx, branch, top)
    return top


def remove(tx: Transaction, branch: BranchKey, version: Version) -> Version | None:
    """Remove a version for good; return the newest that is left of the key."""
    tx.db.execute(_REMOVE, (*branch, version.row.key, version.seq))
    return _first(tx.db.execute(_NEWEST, (*branch, version.row.key)))


def replace(tx: Transaction, branch: BranchKey, version: Version, row: Row) -> None:
    """Let a version hold another row."""
    tx.db.execute(_REMOVE, (*branch, version.row.key, version.seq))
    _insert(tx, branch, version._replace(row=row))


def drop(tx: Transaction, branch: BranchKey) -> None:
    """Remove all versions of a branch that goes."""
    tx.db.execute("DELETE FROM version WHERE repo = ? AND branch = ?", branch)


def position_of(db: Connection, branch: BranchKey, key: bytes, marker: str, current: Row | None) -> int:
    """Return the number of the version that *marker* names: an id, or `Version.position`, also of one that is gone.

    Raises:
        InvalidPosition: It names none.
    """
    if marker == NULL_VERSION:
        version = find(db, branch, key, marker, current)
        return 0 if version is None else version.seq
    match = _POSITION.fullmatch(marker)
    if match is None:
        raise InvalidPosition("the version id marker names no version")
    return int(match[1], 16)


def _insert(tx: Transaction, branch: BranchKey, version: Version) -> None:
    if version.id == NULL_VERSION:  # there is one at a time
        before = _first(tx.db.execute(_BY_ID, (*branch, version.row.key, NULL_VERSION)))
        if before is not None:
            remove(tx, branch, before)
    key, kind, *rest = version.row[:-1]  # all but its origin
    values = (*branch, key, version.seq, version.id, int(kind), *rest)
    tx.db.execute(_INSERT, (*values, crc_of(values)))


def _newest(stored: Version | None, key: bytes, current: Row | None) -> Version | None:
    """Return the newest version, given the newest that is stored and what the branch holds."""
    current = current and current._replace(origin=None)
    if current is None:
        if stored is None or stored.is_marker:
            return stored
        return Version(stored.seq + 1, NULL_VERSION, _marker(key, stored.row.modified_us or 0))
    if stored is not None and _is_same(stored.row, current):
        return stored
    return Version(max(current.modified_us or 0, 0 if stored is None else stored.seq + 1), NULL_VERSION, current)


def _is_same(one: Row, other: Row) -> bool:
    return (one.digest, one.size, one.etag, one.modified_us) == (
        other.digest,
        other.size,
        other.etag,
        other.modified_us,
    )


def _marker(key: bytes, modified_us: int) -> Row:
    return tombstone(key)._replace(modified_us=modified_us)


def _first(rows: Cursor) -> Version | None:
    row = rows.fetchone()
    return None if row is None else _version(row)


def _version(found: tuple[Any, ...]) -> Version:
    """Return the version of what was read of all columns; raises `RowDamaged` when that is not what was written."""
    *values, crc = found
    _, _, key, seq, version_id, *rest = values
    if crc_of(values) != crc:
        raise RowDamaged(
            f"a version of {bytes(key).decode(errors='replace')} does not match its checksum",
            hint="runner store check tells the damage",
        )
    return Version(seq, version_id, Row(key, *rest))
