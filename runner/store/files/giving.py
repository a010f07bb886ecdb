"""Files of a commit for a program that may do with them what it likes.

They are never the store's own files under another name, as hard links would be: a program that writes into one, which
no file mode keeps its owner or root from, would change what is stored. A clone shares the bytes until somebody writes;
where the file system has none they are copied. A copy is compared with its digest, a clone is as the disk has it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import trio

from runner.model.entry import Entry
from runner.store.files.counts import Counts, silent
from runner.store.files.exporting import Export
from runner.store.files.folder import TargetFolder
from runner.store.files.paths import key_of
from runner.store.layers import tree
from runner.store.layers.entries import Row, entry_of
from runner.store.store import Store


async def give(store: Store, layers: tree.ReadSet, path: str, folder: Path) -> AsyncGenerator[Entry, None]:
    """Write a file, or all files of a folder, under their whole paths into *folder*.

    Args:
        store: Where they are.
        layers: Of their commit.
        path: As `runner.store.files.paths` has it.
        folder: Made when it is missing.

    Yields:
        Each file, before it is written.

    Raises:
        InTheWay, ExportFailed; Corrupt, StorageFailed: Some may have been written.
    """
    target = await trio.to_thread.run_sync(TargetFolder, folder)
    try:
        export = Export(store, target, Counts(), silent, clones=True)
        async with aclosing(_rows(store, layers, path)) as rows:
            async for row in rows:
                entry = entry_of(row)
                yield entry
                await export.take(row.key, entry)
        await export.flush()
    finally:
        target.close()


async def _rows(store: Store, layers: tree.ReadSet, path: str) -> AsyncGenerator[Row, None]:
    db = store.catalog.db
    if path.endswith("/"):
        async with aclosing(tree.walk(db, layers, key_of(path))) as rows:
            async for row in rows:
                yield row
    elif (file := tree.find(db, layers, key_of(path))) is not None:
        yield file
