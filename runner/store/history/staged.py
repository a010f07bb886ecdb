"""What is staged on branches: written, durable and readable, and no commit yet.

A branch has at most one open layer, which one process fills, and below it sealed ones that are about to become
commits. Together with the head they are what the branch holds for whoever reads or writes it through a bucket.
"""

from __future__ import annotations

from typing import NamedTuple

from runner.model.errors import Unavailable
from runner.store.catalog import query
from runner.store.catalog.codes import LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.catalog.sums import RowDamaged, crc_of
from runner.store.history import commits, uploads
from runner.store.layers import staging
from runner.store.layers.staging import Stack
from runner.store.layers.tree import ReadSet
from runner.store.refusals import NoSuchBucket

_LOOK = """
    SELECT b.repo, b.name, b.head, b.gen, b.created_us, b.crc, s.repo, s.branch, s.layer, s.opened_us, s.crc,
           l.state, l.owner
    FROM branch b
    LEFT JOIN burst s ON s.repo = b.repo AND s.branch = b.name
    LEFT JOIN layer l ON l.id = s.layer
    WHERE b.repo = ? AND b.name = ? ORDER BY s.layer DESC
"""
_SEAL = """
    UPDATE layer SET state = :sealed WHERE state = :open AND owner = :owner
    AND id IN (SELECT layer FROM burst WHERE repo = :repo AND branch = :branch)
"""
_OLDEST = """
    SELECT s.layer, l.state, s.opened_us FROM burst s JOIN layer l ON l.id = s.layer
    WHERE s.repo = ? AND s.branch = ? ORDER BY s.layer LIMIT 1
"""
_COUNT = """
    SELECT count(DISTINCT e.key) FROM burst s JOIN entry e ON e.layer = s.layer WHERE s.repo = ? AND s.branch = ?
"""
_LEFT = "SELECT DISTINCT s.repo, s.branch, l.owner FROM burst s JOIN layer l ON l.id = s.layer ORDER BY 1, 2"
_OVERTAKE = """
    DELETE FROM entry WHERE layer = :staged AND key IN (SELECT key FROM entry WHERE layer = :newer)
"""


class BranchBusy(Unavailable):
    """Another process takes the writes to the branch at the moment."""


class BranchKey(NamedTuple):
    """A branch: the number of its repo, and its name."""

    repo: int
    name: str


class Pending(NamedTuple):
    """A layer that will be the next commit of its branch, once it is sealed."""

    layer: int
    is_sealed: bool
    opened_us: int


class Left(NamedTuple):
    """A branch with something staged on it, and the lock of who staged it."""

    branch: BranchKey
    owner: str


def read_set(db: Connection, branch: BranchKey) -> ReadSet:
    """Return the layers that a read of a branch merges, what is staged first; raises `NoSuchBucket`."""
    look = _look(db, branch)
    return (*look.layers, *_below(db, look))


def open_stack(tx: Transaction, branch: BranchKey, owner: str) -> Stack:
    """Return the open layer of a branch, begun now where there is none, and what lies below it.

    Raises:
        NoSuchBucket: The branch is not there any more.
        BranchBusy: Another process than *owner*'s fills the open layer.
    """
    look = _look(tx.db, branch)
    below = _below(tx.db, look)
    if not look.layers or look.state != LayerState.OPEN:
        top = staging.open_layer(tx, owner)
        _stage(tx, branch, top)
        return Stack(top, (*look.layers, *below))
    if look.owner != owner:
        raise BranchBusy("another process writes to the branch; what it wrote becomes a commit soon", hint="try again")
    return Stack(look.layers[0], (*look.layers[1:], *below))


def require_branch(tx: Transaction, branch: BranchKey) -> None:
    """Raise `NoSuchBucket` unless the branch is there."""
    _look(tx.db, branch)


def layers(db: Connection, branch: BranchKey) -> ReadSet:
    """Return what is staged on a branch, newest first."""
    return _look(db, branch).layers


def seal_all(tx: Transaction, branch: BranchKey) -> ReadSet:
    """Let nothing more into what is staged on a branch, whoever fills it; return its layers, newest first."""
    found = layers(tx.db, branch)
    for layer in found:
        staging.set_state(tx, layer, LayerState.SEALED)
    return found


def add(tx: Transaction, branch: BranchKey, newer: int) -> None:
    """Stage a sealed layer above all that is staged on a branch."""
    for layer in layers(tx.db, branch):
        if layer > newer:  # begun later, but written to before
            tx.db.execute(_OVERTAKE, {"staged": layer, "newer": newer})
    _stage(tx, branch, newer)


def seal(tx: Transaction, branch: BranchKey, owner: str) -> None:
    """Let nothing more into the layer that *owner* fills; the next write begins another."""
    states = {"sealed": LayerState.SEALED, "open": LayerState.OPEN}
    query.write(tx.db, "layer", _SEAL, {**states, "owner": owner, "repo": branch.repo, "branch": branch.name})


def oldest(db: Connection, branch: BranchKey) -> Pending | None:
    """Return what was staged first on a branch and is no commit yet."""
    row = db.execute(_OLDEST, branch).fetchone()
    return None if row is None else Pending(row[0], row[1] == LayerState.SEALED, row[2])


def forget(tx: Transaction, branch: BranchKey, layer: int) -> bool:
    """Take a layer off what is staged; False: somebody else did."""
    statement = "DELETE FROM burst WHERE repo = ? AND branch = ? AND layer = ?"
    return tx.db.execute(statement, (*branch, layer)).rowcount == 1


def drop(tx: Transaction, branch: BranchKey) -> None:
    """Drop all that is staged on a branch that goes, and its uploads."""
    drop_layers(tx, branch)
    uploads.drop_all(tx, uploads.place_of_branch(*branch))


def drop_layers(tx: Transaction, branch: BranchKey) -> None:
    """Drop all that is staged on a branch."""
    while (pending := oldest(tx.db, branch)) is not None:
        forget(tx, branch, pending.layer)
        staging.set_state(tx, pending.layer, LayerState.DROPPING)


def give_way(tx: Transaction, branch: BranchKey, newer: int) -> bool:
    """Take out of the open layer what *newer* holds, a layer that becomes a commit now.

    Returns:
        False: older writes are about to become a commit, which must come first.
    """
    pending = oldest(tx.db, branch)
    if pending is not None and not pending.is_sealed:
        tx.db.execute(_OVERTAKE, {"staged": pending.layer, "newer": newer})
    return pending is None or not pending.is_sealed


def count(db: Connection, branch: BranchKey) -> int:
    """Return how many keys were written or deleted on a branch and are in no commit yet."""
    found: int = db.execute(_COUNT, branch).fetchone()[0]
    return found


def everything(db: Connection) -> list[Left]:
    """Return all branches with something staged on them."""
    return [Left(BranchKey(repo, name), owner) for repo, name, owner in db.execute(_LEFT).fetchall()]


class _Look(NamedTuple):
    """A branch: its head, the layers above it, newest first, and of the newest its state and owner."""

    head: int | None
    layers: tuple[int, ...]
    state: int | None
    owner: str | None


def _look(db: Connection, branch: BranchKey) -> _Look:
    """Look at a branch, in one statement; raises `NoSuchBucket`, `RowDamaged`."""
    rows = db.execute(_LOOK, branch).fetchall()
    if not rows:
        raise NoSuchBucket("there is no such branch")
    for row in rows:
        is_staged = row[8] is not None
        if crc_of(row[:5]) != row[5] or (is_staged and crc_of(row[6:10]) != row[10]):
            raise RowDamaged(f"the branch {branch.name} was damaged", hint="runner store check tells the damage")
    *_, state, owner = rows[0]
    return _Look(rows[0][2], tuple(row[8] for row in rows if row[8] is not None), state, owner)


def _below(db: Connection, look: _Look) -> ReadSet:
    """Return the layers of the head."""
    return () if look.head is None else tuple(commits.read_set(db, look.head))


def _stage(tx: Transaction, branch: BranchKey, layer: int) -> None:
    values = {"repo": branch.repo, "branch": branch.name, "layer": layer, "opened_us": tx.now_us}
    query.insert(tx.db, "burst", values)
