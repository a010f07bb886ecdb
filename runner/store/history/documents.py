"""What a branch has beside its objects when it is shown as a bucket: versioning, tagging, cors, …, a document each.

The store keeps the bytes and knows what none of them mean but `VERSIONING`.
"""

from __future__ import annotations

from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection, write
from runner.store.history.staged import BranchKey

VERSIONING = "versioning"

_FIND = "SELECT body FROM document WHERE repo = ? AND branch = ? AND name = ?"
_PUT = """
    INSERT INTO document (repo, branch, name, body) VALUES (?, ?, ?, ?)
    ON CONFLICT (repo, branch, name) DO UPDATE SET body = excluded.body
"""
_REMOVE = "DELETE FROM document WHERE repo = ? AND branch = ? AND name = ?"


def find(db: Connection, branch: BranchKey, name: str) -> bytes | None:
    """Return a document of a branch; None: it has none of that name."""
    row = db.execute(_FIND, (*branch, name)).fetchone()
    return None if row is None else row[0]


def put(tx: Transaction, branch: BranchKey, name: str, body: bytes | None) -> None:
    """Write a document over the one of that name; None removes it."""
    if body is None:
        tx.db.execute(_REMOVE, (*branch, name))
    else:
        write(tx.db, "document", _PUT, (*branch, name, body))


def drop(tx: Transaction, branch: BranchKey) -> None:
    """Remove all documents of a branch that goes."""
    tx.db.execute("DELETE FROM document WHERE repo = ? AND branch = ?", branch)
