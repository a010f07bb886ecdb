"""A sealed layer above a branch's head becomes the next commit of the branch."""

from __future__ import annotations

from contextlib import aclosing
from typing import NamedTuple

from runner.model.commit import Commit, CommitOrigin
from runner.model.ids import new_commit_id
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.history import commits, folders, refs
from runner.store.history.folders import FolderCounts
from runner.store.jobs import triggers
from runner.store.layers import runs, staging, tree
from runner.store.layers.contentsum import ContentSum
from runner.store.store import Store


class Above(NamedTuple):
    """What a head holds with some layers on top, and what these change in it."""

    content: ContentSum
    changes: FolderCounts


async def content_above(store: Store, head: int | None, below: tree.ReadSet, layers: tree.ReadSet) -> Above:
    """Return what *head*, which is read through *below*, holds with *layers* on top; costs what these hold."""
    catalog = store.catalog
    above = Above(commits.content_of(catalog.db, head), FolderCounts())
    async with aclosing(tree.in_pieces(tree.walk(catalog.db, layers, tombstones=True))) as pieces:
        async for rows in pieces:
            olds = tree.find_each(catalog.db, below, [row.key for row in rows])
            for row, before in zip(rows, olds, strict=True):
                after = None if row.kind == EntryKind.TOMBSTONE else row
                if before is not None:
                    above.content.remove(before)
                if after is not None:
                    above.content.add(after)
                if not tree.is_same(before, after):
                    above.changes.add(before, after)
    return above


def publish(
    tx: Transaction,
    ref: refs.Ref,
    layer: int,
    above: Above,
    *,
    started_us: int,
    description: str = "",
    propagates: bool = True,
) -> Commit:
    """Make *layer* a commit above the head of *ref* and move the branch; raises `RefMoved`.

    Unless it *propagates* no job is made of it.
    """
    staging.measure(tx, layer)
    below = () if ref.head is None else commits.read_set(tx.db, ref.head)
    draft = commits.Draft(
        repo=ref.repo,
        id=new_commit_id(),
        branch=ref.name,
        parent=ref.head,
        base=ref.head,
        layers=(layer,),
        read_set=runs.merged(tx, (layer, *below)),
        content=above.content,
        origin=CommitOrigin.USER,
        started_us=started_us,
        description=description,
    )
    number = commits.insert(tx, draft)
    folders.keep(tx, number, above.changes)
    refs.move(tx, ref, number)
    if propagates:
        triggers.notice(tx, ref, draft.id)
    return commits.inspect_number(tx.db, number)
