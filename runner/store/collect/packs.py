"""Packs and files: what few blobs of a pack are left moves into the open one, and what no row names is unlinked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import structlog
import trio
from blake3 import blake3

from runner.store.blobs import Payload, Place
from runner.store.blobs.frames import FRAME_HEAD_BYTES
from runner.store.catalog.codes import Doomed
from runner.store.catalog.engine import Transaction
from runner.store.collect.doom import sweep
from runner.store.store import Store

LIVE_SHARE = 0.5
"""A pack of which less is referred to is emptied into the open one."""
ORPHAN_SECONDS = 600
"""A file that no row names may be one whose row is just being written: it is spared for so long in any case."""
_AT_ONCE = 64

_log = structlog.get_logger()


class _Blob(NamedTuple):
    id: int
    digest: bytes
    size: int
    offset: int


async def compact(store: Store) -> None:
    """Move the blobs out of packs that hold mostly garbage.

    Cancellation: what was moved stays so.
    """
    db, blobs = store.catalog.db, store.blobs
    live = {
        pack: size + count * FRAME_HEAD_BYTES
        for pack, size, count in db.execute(
            "SELECT pack, sum(size), count(*) FROM blob WHERE pack IS NOT NULL GROUP BY pack"
        )
    }
    for pack, size in live.items():
        if not blobs.is_written(pack) and size < LIVE_SHARE * blobs.size_of(Place(pack)):
            await _empty(store, pack)


async def unlink_unnamed(store: Store, grace_us: int) -> int:
    """Unlink packs and files that no row names; return their bytes."""
    packs, files = await trio.to_thread.run_sync(_listed, store)
    db = store.catalog.db
    packs -= {pack for (pack,) in db.execute("SELECT DISTINCT pack FROM blob WHERE pack IS NOT NULL")}
    files -= {name for (name,) in db.execute("SELECT name FROM blob WHERE name IS NOT NULL")}
    unnamed = [str(pack) for pack in sorted(packs) if not store.blobs.is_written(pack)]
    dead = await sweep(store, Doomed.PACK, unnamed, grace_us, _without_row)
    least_us = max(grace_us, ORPHAN_SECONDS * 1_000_000)
    orphans = await sweep(store, Doomed.FILE, sorted(files), least_us, _without_row)
    places = [Place(pack=int(pack)) for slot in dead for pack in slot]
    places += [Place(name=name) for slot in orphans for name in slot]
    return await unlink(store, places)


async def unlink(store: Store, places: Sequence[Place]) -> int:
    """Unlink packs and files whose rows are gone; return their bytes."""

    def run() -> int:
        freed = 0
        for place in places:
            freed += store.blobs.size_of(place)
            store.blobs.delete(place)
        return freed

    return await trio.to_thread.run_sync(run)


def _listed(store: Store) -> tuple[set[int], set[str]]:
    return set(store.blobs.packs()), {name for name, _ in store.blobs.files()}


def _without_row(tx: Transaction, names: Sequence[str]) -> Sequence[str]:
    """Return those that no row names at this moment; none will later, since names are never used again."""
    found = "SELECT 1 FROM blob WHERE pack = CAST(? AS INTEGER) OR name = ? LIMIT 1"
    return [name for name in names if tx.db.execute(found, (name if name.isdecimal() else 0, name)).fetchone() is None]


async def _empty(store: Store, pack: int) -> None:
    rows = store.catalog.db.execute("SELECT id, digest, size, off FROM blob WHERE pack = ? ORDER BY off", (pack,))
    moving = [_Blob._make(row) for row in rows.fetchall()]
    for start in range(0, len(moving), _AT_ONCE):
        payloads = await trio.to_thread.run_sync(_read, store, pack, moving[start : start + _AT_ONCE])
        async with trio.open_nursery() as nursery:
            for blob, payload in payloads:
                nursery.start_soon(store.writer.write_payload, payload, partial(_moved, blob=blob.id, pack=pack))


def _read(store: Store, pack: int, moving: Sequence[_Blob]) -> list[tuple[_Blob, Payload]]:
    """Return the blobs that are what they should be; a damaged one stays where it is, for `check` to find."""
    opened = store.blobs.open(Place(pack=pack))
    try:
        payloads = [(blob, Payload(blob.digest, opened.read(blob.offset, blob.size))) for blob in moving]
    finally:
        opened.close()
    sound = [(blob, payload) for blob, payload in payloads if blake3(payload.data).digest() == blob.digest]
    if len(sound) < len(payloads):
        _log.error("blob.damaged", message=f"{len(payloads) - len(sound)} blobs of pack {pack:016x} are damaged")
    return sound


def _moved(tx: Transaction, place: Place, blob: int, pack: int) -> None:
    tx.db.execute("UPDATE blob SET pack = ?, off = ? WHERE id = ? AND pack = ?", (place.pack, place.offset, blob, pack))
