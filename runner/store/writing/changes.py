"""A change of a branch: what is written above its head and becomes one commit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from runner.model.commit import Commit
from runner.model.entry import Attributes, Entry
from runner.store.catalog.codes import LayerState
from runner.store.catalog.engine import Transaction
from runner.store.contents.content import Stored
from runner.store.history import commits, refs, repos, staged
from runner.store.layers import staging, tree
from runner.store.layers.entries import Row
from runner.store.layers.staging import Stack
from runner.store.owners import Owner, fenced, owning_new
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.writing import deltas, open_commits

ABANDON_SECONDS = 5


class Change:
    """An open layer above a branch's head. `put` and `delete` may be called by many tasks at once.

    Attributes:
        head: The branch's commit when the change began, if any.
    """

    def __init__(
        self,
        store: Store,
        owner: Owner,
        ref: refs.Ref,
        stack: Stack,
        *,
        head: Commit | None,
        open_commit: int | None,
    ) -> None:
        self.head = head
        self._owner = owner
        self._open_commit = open_commit
        self._store = store
        self._ref = ref
        self._stack = stack
        self._is_committed = False

    def find(self, key: bytes) -> Row | None:
        """Look a key up as it is now, with what was changed."""
        return tree.find(self._store.catalog.db, self._stack.read_set, key)

    def walk(self, prefix: bytes = b"") -> AsyncGenerator[Row, None]:
        """Yield what the branch held under *prefix* when the change began, in the order of keys."""
        return tree.walk(self._store.catalog.db, self._stack.below, prefix)

    async def put(self, key: bytes, pieces: AsyncIterable[bytes], attributes: Attributes) -> Entry:
        """Write one object; raises what *pieces* raises, and then nothing has changed."""

        def name(tx: Transaction, stored: Stored, md5: bytes) -> Entry:
            staging.require_open(tx, self._stack.top)
            entry = Entry(
                key, stored.size, md5.hex(), stored.digest, from_us(tx.now_us), attributes, content=stored.content
            )
            staging.put(tx, self._stack.top, entry)
            return entry

        return await self._store.objects.put(pieces, name)

    async def delete(self, key: bytes) -> None:
        """Remove one object; that it was not there is no error."""

        def remove(tx: Transaction) -> None:
            staging.require_open(tx, self._stack.top)
            staging.delete(tx, self._stack, key)

        await self._store.writer.write(remove)

    async def commit(
        self, description: str = "", *, count: Callable[[Transaction], None] | None = None, propagates: bool = True
    ) -> tuple[Commit, bool]:
        """Make one commit of it and move the branch.

        Args:
            description: Of the commit.
            count: Called in the transaction of the commit; what it raises undoes all of it.
            propagates: Let the commit make the jobs of the pipelines that read the branch.

        Returns:
            The commit and True; or the branch's head and False when that holds the same objects. Of a branch with an
            open commit that one, into which the change goes when it is finished.

        Raises:
            RefMoved: Somebody else committed to the branch meanwhile; begin again from its new head.
            OwnerLost: What was written may have been dropped meanwhile.
        """
        started_us = await self._store.writer.write(fenced(self._owner, self._seal))
        above = await deltas.content_above(self._store, self._ref.head, self._stack.below, (self._stack.top,))
        if self._open_commit is None and self.head is not None and above.content.digest() == self.head.digest:
            return self.head, False

        def publish(tx: Transaction) -> Commit:
            if count is not None:
                count(tx)
            return self._publish(tx, above, started_us=started_us, description=description, propagates=propagates)

        commit = await self._store.writer.write(fenced(self._owner, publish))
        self._is_committed = True
        self._store.merges.notice()
        self._store.hints.tell()
        return commit, True

    async def abandon(self) -> None:
        """Drop what was written, unless it was committed; the next `settle` removes it."""
        if not self._is_committed:
            await self._store.writer.write(self._drop)

    def _seal(self, tx: Transaction) -> int:
        staging.require_open(tx, self._stack.top)
        staging.set_state(tx, self._stack.top, LayerState.SEALED)
        return tx.now_us

    def _drop(self, tx: Transaction) -> None:
        staging.set_state(tx, self._stack.top, LayerState.DROPPING)

    def _publish(self, tx: Transaction, above: deltas.Above, **how: Any) -> Commit:
        layer = self._stack.top
        branch = staged.BranchKey(self._ref.repo, self._ref.name)
        if open_commits.find(tx.db, branch) != self._open_commit:
            raise refs.RefMoved(f"a commit was begun or finished on {self._ref.name} meanwhile", hint="try again")
        if self._open_commit is not None:
            return open_commits.add(tx, self._ref, layer)
        if not staged.give_way(tx, branch, layer):
            raise refs.RefMoved(f"writes to the branch {self._ref.name} become a commit first", hint="try again")
        return deltas.publish(tx, self._ref, layer, above, **how)


@asynccontextmanager
async def open_change(store: Store, project: str, repo: str, branch: str) -> AsyncIterator[Change]:
    """Begin a change of a branch; repo and branch are made when they are missing.

    Raises:
        InvalidName, NoSuchProject.

    Cancellation: what was not committed is dropped, shielded, at most 5 s; else by the next `settle`.
    """

    def begin(tx: Transaction, owner: Owner) -> Change:
        number = repos.ensure(tx, project, repo)
        ref = refs.ensure(tx, number, branch)
        head = None if ref.head is None else commits.inspect_number(tx.db, ref.head)
        key = staged.BranchKey(number, branch)
        open_commit = open_commits.find(tx.db, key)
        if open_commit is not None:
            below = staged.read_set(tx.db, key)
        else:
            below = () if ref.head is None else tuple(commits.read_set(tx.db, ref.head))
        stack = Stack(staging.open_layer(tx, owner.name), below)
        return Change(store, owner, ref, stack, head=head, open_commit=open_commit)

    async with owning_new(store.owners, "change") as owner:
        change = await store.writer.write(partial(begin, owner=owner))
        try:
            yield change
        finally:
            with trio.move_on_after(ABANDON_SECONDS, shield=True):
                await change.abandon()
