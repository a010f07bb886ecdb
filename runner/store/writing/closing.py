"""Closing a burst: what is staged on a branch becomes its next commit.

Sealed first, so that later writes begin another layer and never wait; digested; published. Every step may be
repeated, also by another process: a crash in between is settled by whoever opens the store next.
"""

from __future__ import annotations

from functools import partial

from runner.model.commit import Commit
from runner.store.catalog.codes import LayerState
from runner.store.catalog.engine import Transaction
from runner.store.history import commits, refs, staged, uploads
from runner.store.history.refs import Ref, RefMoved
from runner.store.history.staged import BranchKey, Pending
from runner.store.layers import staging
from runner.store.owners import owning
from runner.store.store import Store
from runner.store.writing import deltas, open_commits


async def close(store: Store, branch: BranchKey, owner: str) -> list[Commit]:
    """Make what *owner* staged on a branch a commit, after what was sealed there before.

    Returns:
        The commits made, oldest first; none when nothing was left to commit, somebody else did it, or the branch has
        an open commit: then it waits, sealed, for the end of that.
    """
    if staged.oldest(store.catalog.db, branch) is None:
        return []
    await store.writer.write(partial(staged.seal, branch=branch, owner=owner))
    made = []
    while (pending := _next(store, branch)) is not None:
        commit = await _publish(store, branch, pending)
        if commit is not None:
            made.append(commit)
            store.merges.notice()
            store.hints.tell()
    return made


async def settle(store: Store) -> None:
    """Close the bursts of dead processes.

    Cancellation: what is not settled is met again.
    """
    for branch, name in staged.everything(store.catalog.db):
        async with owning(store.owners, name) as owner:
            if owner is not None:
                await close(store, branch, name)


def _next(store: Store, branch: BranchKey) -> Pending | None:
    """Return what is to become a commit next."""
    pending = staged.oldest(store.catalog.db, branch)
    is_held = pending is None or not pending.is_sealed or open_commits.find(store.catalog.db, branch) is not None
    return None if is_held else pending


async def _publish(store: Store, branch: BranchKey, pending: Pending) -> Commit | None:
    """Make one sealed layer a commit above the head of the moment; None: it held nothing, or it is one already."""
    while True:
        db = store.catalog.db
        ref = refs.find(db, *branch)
        head = None if ref is None else ref.head
        below = () if head is None else commits.read_set(db, head)
        above = await deltas.content_above(store, head, below, (pending.layer,))
        try:
            return await store.writer.write(
                partial(_publish_above, branch=branch, ref=ref, pending=pending, above=above)
            )
        except RefMoved:
            continue  # by an import, say: what it made is below now


def _publish_above(
    tx: Transaction, branch: BranchKey, ref: Ref | None, pending: Pending, above: deltas.Above
) -> Commit | None:
    if open_commits.find(tx.db, branch) is not None or not staged.forget(tx, branch, pending.layer):
        return None
    holds_something = tx.db.execute("SELECT 1 FROM entry WHERE layer = ? LIMIT 1", (pending.layer,)).fetchone()
    if ref is None or holds_something is None:
        staging.set_state(tx, pending.layer, LayerState.DROPPING)
        return None
    uploads.forget_completed(tx, uploads.place_of_branch(*branch))
    return deltas.publish(tx, ref, pending.layer, above, started_us=pending.opened_us)
