"""Content in the catalog: blobs by digest, manifests of extents, and where their bytes lie.

Content is named by its kind and number, as entries and parts hold it. Every new reference sets the epoch of the
blobs below it to the current one, in its own transaction: a collection that began earlier then spares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner.host import digests
from runner.model.errors import Conflict, Corrupt
from runner.store.blobs import Place
from runner.store.catalog.codes import BlobPlace, EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.catalog.sums import RowDamaged, crc_of


class BlobSwept(Conflict):
    """A blob that was known a moment ago was collected before it was referred to again."""


class ContentLost(Corrupt):
    """An entry or a part refers to content that the catalog does not have."""


class Content(NamedTuple):
    """What an entry or a part refers to: a blob or a manifest, by its number."""

    kind: EntryKind
    id: int


class Stored(NamedTuple):
    """Content with what an entry tells of it; equal digests mean equal bytes."""

    content: Content
    digest: bytes
    size: int


class Slice(NamedTuple):
    """The bytes ``[first, end)`` of some content."""

    content: Content
    first: int
    end: int


class Extent(NamedTuple):
    """A range of one blob.

    Attributes:
        first: Of its bytes in the blob.
        size: How many bytes.
        place: Of the blob.
        blob_size: Of the whole blob in bytes.
    """

    blob: int
    digest: bytes
    first: int
    size: int
    place: Place
    blob_size: int


_BLOB_COLUMNS = "b.id, b.digest, b.size, b.pack, b.off, b.name"
_BLOB = f"SELECT {_BLOB_COLUMNS} FROM blob b WHERE b.id = ?"  # noqa: S608  # constants
_EXTENTS = f"""
    SELECT e.start, e.off, e.len, e.crc, {_BLOB_COLUMNS} FROM extent e JOIN blob b ON b.id = e.blob
    WHERE e.manifest = :manifest AND e.start < :end
      AND e.start >= (SELECT max(start) FROM extent WHERE manifest = :manifest AND start <= :first)
    ORDER BY e.start
"""  # noqa: S608  # constants
_EPOCH = "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'gc_epoch'), 0)"
_INSERT_BLOB = f"""
    INSERT INTO blob (digest, size, place, pack, off, name, epoch) VALUES (?, ?, ?, ?, ?, ?, {_EPOCH})
    RETURNING id
"""  # noqa: S608  # constants
_INSERT_MANIFEST = f"INSERT INTO manifest (digest, size, epoch) VALUES (?, ?, {_EPOCH}) RETURNING id"  # noqa: S608  # constants
_TOUCH_BLOB = f"UPDATE blob SET epoch = {_EPOCH} WHERE id = ? AND epoch < {_EPOCH}"  # noqa: S608  # constants
_TOUCH_MANIFEST = f"UPDATE manifest SET epoch = {_EPOCH} WHERE id = ? AND epoch < {_EPOCH}"  # noqa: S608  # constants
_TOUCH_EXTENTS = f"""
    UPDATE blob SET epoch = {_EPOCH}
    WHERE id IN (SELECT blob FROM extent WHERE manifest = ?) AND epoch < {_EPOCH}
"""  # noqa: S608  # constants

_MANIFEST_PREFIX = b"runner.manifest/1\n"


def is_known(db: Connection, digest: bytes) -> bool:
    """Tell whether a blob of *digest* is stored; true a moment later too only inside a transaction."""
    return db.execute("SELECT 1 FROM blob WHERE digest = ?", (digest,)).fetchone() is not None


def refer_to_blob(tx: Transaction, digest: bytes, size: int, place: Place | None) -> Stored:
    """Return the blob of *digest*, known or new at *place*, where its bytes lie durably.

    *place* is None for bytes that were known a moment ago and are not stored again.

    Raises:
        BlobSwept: It is not known and *place* is None.
    """
    row = tx.db.execute("SELECT id FROM blob WHERE digest = ?", (digest,)).fetchone()
    if row is not None:
        tx.db.execute(_TOUCH_BLOB, row)
        return Stored(Content(EntryKind.BLOB, row[0]), digest, size)
    if place is None:
        raise BlobSwept("a blob was collected meanwhile")
    kind = BlobPlace.FILE if place.pack is None else BlobPlace.PACK
    offset = None if place.pack is None else place.offset
    (blob,) = tx.db.execute(_INSERT_BLOB, (digest, size, kind, place.pack, offset, place.name)).fetchone()
    return Stored(Content(EntryKind.BLOB, blob), digest, size)


def share(tx: Transaction, content: Content) -> None:
    """Make a new reference to *content* safe from a collection that is under way.

    Raises:
        BlobSwept: It is gone.
    """
    table = "blob" if content.kind == EntryKind.BLOB else "manifest"
    if tx.db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (content.id,)).fetchone() is None:  # noqa: S608  # two names
        raise BlobSwept("what is being copied was collected meanwhile")
    if content.kind == EntryKind.BLOB:
        tx.db.execute(_TOUCH_BLOB, (content.id,))
    else:
        tx.db.execute(_TOUCH_MANIFEST, (content.id,))
        tx.db.execute(_TOUCH_EXTENTS, (content.id,))


def concatenate(tx: Transaction, slices: Sequence[Slice]) -> Stored:
    """Return content that is the bytes of *slices* one after the other; no bytes move.

    It is a manifest of its own, so that an upload's parts can be told of it. Slices that continue each other
    become one extent.

    Raises:
        BlobSwept: Some of it is gone.
    """
    for content in {part.content for part in slices}:
        share(tx, content)
    extents = _merged([extent for part in slices for extent in extents_of(tx.db, *part)])
    digest = manifest_digest(extents)
    size = sum(extent.size for extent in extents)
    (manifest,) = tx.db.execute(_INSERT_MANIFEST, (digest, size)).fetchone()
    rows, start = [], 0
    for extent in extents:
        row = (manifest, start, extent.blob, extent.first, extent.size)
        rows.append((*row, crc_of(row)))
        start += extent.size
    tx.db.executemany("INSERT INTO extent (manifest, start, blob, off, len, crc) VALUES (?, ?, ?, ?, ?, ?)", rows)
    return Stored(Content(EntryKind.MANIFEST, manifest), digest, size)


def extents_of(db: Connection, content: Content, first: int, end: int) -> Sequence[Extent]:
    """Return the ranges of blobs that are the bytes ``[first, end)`` of *content*, in order.

    Raises:
        ContentLost: The catalog does not have all of them.
        RowDamaged: What it has is not what was written.
    """
    if first >= end:
        return []
    if content.kind == EntryKind.BLOB:
        found = [(0, 0, row[2], None, *row) for row in db.execute(_BLOB, (content.id,))]
    else:
        found = db.execute(_EXTENTS, {"manifest": content.id, "first": first, "end": end}).fetchall()
    extents = []
    for start, offset_in_blob, length, crc, blob, digest, size, pack, offset, name in found:
        is_extent = content.kind == EntryKind.MANIFEST
        if is_extent and crc != crc_of((content.id, start, blob, offset_in_blob, length)):
            raise RowDamaged(
                f"an extent of manifest {content.id} does not match its checksum",
                hint="runner store check tells the damage",
            )
        skip, stop = max(first - start, 0), min(end - start, length)
        place = Place(pack, offset or 0, name)
        extents.append(Extent(blob, digest, offset_in_blob + skip, stop - skip, place, size))
    if sum(extent.size for extent in extents) != end - first:
        raise ContentLost(
            f"{content.kind.name.lower()} {content.id} is not whole in the catalog",
            hint="runner store check tells the damage",
        )
    return extents


def manifest_digest(extents: Sequence[Extent]) -> bytes:
    """Return what names the bytes of *extents*: of one whole blob its digest, of none the BLAKE3 of nothing.

    Else the BLAKE3 over a prefix, then digest, first byte and size (8 bytes each, big-endian) of each extent.
    """
    if len(extents) == 1 and extents[0].size == extents[0].blob_size:
        return extents[0].digest
    digest = digests.new("BLAKE3")
    if extents:
        digest.update(_MANIFEST_PREFIX)
    for extent in extents:
        digest.update(extent.digest + extent.first.to_bytes(8, "big") + extent.size.to_bytes(8, "big"))
    return digest.digest()


def _merged(extents: Sequence[Extent]) -> list[Extent]:
    merged: list[Extent] = []
    for extent in extents:
        last = merged[-1] if merged else None
        if last is not None and last.blob == extent.blob and last.first + last.size == extent.first:
            merged[-1] = last._replace(size=last.size + extent.size)
        else:
            merged.append(extent)
    return merged
