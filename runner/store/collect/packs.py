"""Packs and files: what few blobs of a pack are left moves into the open one, and what no row names is unlinked.

In an object store each group of writes is a pack of its own: there small packs are put together into larger ones too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import structlog
import trio
from blake3 import blake3

from runner.store.blobs import NAMED_WITHIN_SECONDS, Opened, Payload, Place
from runner.store.blobs.frames import FRAME_HEAD_BYTES
from runner.store.catalog.codes import Doomed
from runner.store.catalog.engine import Transaction
from runner.store.collect.doom import SLOT, sweep_all
from runner.store.store import Store

LIVE_SHARE = 0.5
"""A pack of which less is referred to is emptied into the open one."""
SMALL_BYTES, SMALL_BLOBS = 1024 * 1024, 1000
"""A pack in an object store that has less of both is put together with others."""
ORPHAN_SECONDS = 2 * NAMED_WITHIN_SECONDS
"""A file that no row names may be one whose row is just being written: it is spared for so long in any case."""
_BATCH_BYTES = 8 * 1024 * 1024

_IN_PACK = "SELECT id, pack, off, digest, size FROM blob WHERE pack = ? AND id > ? ORDER BY id LIMIT ?"

_log = structlog.get_logger()


class _Live(NamedTuple):
    """What rows refer to in one pack, with the heads of its frames."""

    pack: int
    size: int
    blobs: int


class _Blob(NamedTuple):
    id: int
    pack: int
    offset: int
    digest: bytes
    size: int


async def compact(store: Store) -> None:
    """Move the blobs out of packs that hold mostly garbage, and those of an object store's small packs together.

    Cancellation: what was moved stays so.
    """
    sizes = await trio.to_thread.run_sync(lambda: dict(store.blobs.packs()))
    found = "SELECT pack, sum(size), count(*) FROM blob WHERE pack IS NOT NULL GROUP BY pack"
    live = [
        _Live(pack, size + count * FRAME_HEAD_BYTES, count)
        for pack, size, count in store.catalog.db.execute(found).fetchall()
        if pack in sizes and not store.blobs.is_written(pack)
    ]
    worth = {each.pack for each in live if each.size < LIVE_SHARE * sizes[each.pack]}
    if store.blobs.is_remote:
        small = {each.pack for each in live if each.size < SMALL_BYTES and each.blobs < SMALL_BLOBS}
        worth |= small if len(small) > 1 else set()
    for batch in _batches(store, sorted(worth)):
        payloads = await trio.to_thread.run_sync(_read, store, batch)
        if payloads:
            moved = partial(_moved, blobs=[blob for blob, _ in payloads])
            await store.writer.write_payloads([payload for _, payload in payloads], moved)


async def unlink_unnamed(store: Store, grace_us: int) -> int:
    """Unlink packs and files that no row names; return their bytes."""
    packs, files = await trio.to_thread.run_sync(lambda: (dict(store.blobs.packs()), dict(store.blobs.files())))
    db = store.catalog.db
    named = {pack for (pack,) in db.execute("SELECT DISTINCT pack FROM blob WHERE pack IS NOT NULL")}
    unnamed = [str(pack) for pack in packs.keys() - named if not store.blobs.is_written(pack)]
    orphans = sorted(files.keys() - {name for (name,) in db.execute("SELECT name FROM blob WHERE name IS NOT NULL")})
    least_us = max(grace_us, ORPHAN_SECONDS * 1_000_000)
    pack_us = least_us if store.blobs.is_remote else grace_us  # an open pack of this host is known to be one
    dead = await sweep_all(store, Doomed.PACK, dict.fromkeys(sorted(unnamed)), pack_us, _without_row)
    gone = await sweep_all(store, Doomed.FILE, dict.fromkeys(orphans), least_us, _without_row)
    lying = {Place(pack=int(pack)): packs[int(pack)] for slot in dead for pack in slot}
    lying |= {Place(name=name): files[name] for slot in gone for name in slot}
    return await unlink(store, lying)


async def unlink(store: Store, lying: Mapping[Place, int]) -> int:
    """Unlink packs and files whose rows are gone, by size in bytes; return the sum."""
    places = list(lying)
    for start in range(0, len(places), SLOT):
        await trio.to_thread.run_sync(store.blobs.delete, *places[start : start + SLOT])
    return sum(lying.values())


def _without_row(tx: Transaction, names: Sequence[str]) -> Sequence[str]:
    """Return those that no row names at this moment; none will later, since names are never used again."""
    found = "SELECT 1 FROM blob WHERE pack = CAST(? AS BIGINT) OR name = ? LIMIT 1"
    return [name for name in names if tx.db.execute(found, (name if name.isdecimal() else 0, name)).fetchone() is None]


def _batches(store: Store, packs: Sequence[int]) -> Iterator[list[_Blob]]:
    """Yield what rows refer to in *packs*, as much at once as is moved at once."""
    batch: list[_Blob] = []
    held = 0
    for pack in packs:
        after = 0
        while rows := store.catalog.db.execute(_IN_PACK, (pack, after, SLOT)).fetchall():
            for blob in map(_Blob._make, rows):
                if batch and (held + blob.size > _BATCH_BYTES or len(batch) == SLOT):
                    yield batch
                    batch, held = [], 0
                batch.append(blob)
                held += blob.size
                after = blob.id
    if batch:
        yield batch


def _read(store: Store, moving: Sequence[_Blob]) -> list[tuple[_Blob, Payload]]:
    """Return the blobs that are what they should be; a damaged one stays where it is, for `check` to find."""
    sound = []
    opened: dict[int, Opened] = {}
    try:
        for blob in moving:
            if blob.pack not in opened:
                opened[blob.pack] = store.blobs.open(Place(pack=blob.pack))
            payload = Payload(blob.digest, opened[blob.pack].read(blob.offset, blob.size))
            if blake3(payload.data).digest() == blob.digest:
                sound.append((blob, payload))
            else:
                _log.error("blob.damaged", message=f"a blob of pack {blob.pack:016x} is damaged, at {blob.offset:,}")
    finally:
        for each in opened.values():
            each.close()
    return sound


def _moved(tx: Transaction, places: Sequence[Place], blobs: Sequence[_Blob]) -> None:
    moves = [(new.pack, new.offset, old.id, old.pack) for new, old in zip(places, blobs, strict=True)]
    tx.db.executemany("UPDATE blob SET pack = ?, off = ? WHERE id = ? AND pack = ?", moves)
