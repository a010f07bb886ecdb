"""Bytes, and the keys that have them."""

from __future__ import annotations

from sqlalchemy import BLOB, INTEGER, TEXT, Column, Index, PrimaryKeyConstraint, Table

from runner.store.catalog.codes import LayerState
from runner.store.catalog.tables.columns import CLUSTERED, NUMBERED, crc, metadata, number, some

blob = Table(  # immutable bytes, named by their BLAKE3
    "blob",
    metadata,
    number(),
    Column("digest", BLOB, nullable=False, unique=True),
    some("size", INTEGER),
    some("place", INTEGER),
    Column("pack", INTEGER),
    Column("off", INTEGER),  # in a pack: of the bytes, after the frame's header
    Column("name", TEXT),  # of an own file
    some("epoch", INTEGER),
    **NUMBERED,
)
_packed = blob.c.pack.is_not(None)
Index("blob_pack", blob.c.pack, sqlite_where=_packed)

manifest = Table(  # content of several extents
    "manifest",
    metadata,
    number(),
    some("digest", BLOB),
    some("size", INTEGER),
    some("epoch", INTEGER),
    **NUMBERED,
)

extent = Table(
    "extent",
    metadata,
    some("manifest", INTEGER),
    some("start", INTEGER),  # in the content, so that a range finds its extents by seeking
    some("blob", INTEGER),
    some("off", INTEGER),
    some("len", INTEGER),  # at least 1
    crc(),
    PrimaryKeyConstraint("manifest", "start"),
    **CLUSTERED,
)

part_list = Table(  # what S3 tells of the parts of a multipart object: a JSON array of number, size, ETag, checksum
    "part_list", metadata, number(), some("parts", BLOB), crc(), **NUMBERED
)

doomed = Table(  # what a collection found that nothing refers to; removed when that is still so after a grace
    "doomed",
    metadata,
    some("kind", INTEGER),
    some("name", TEXT),  # a number, or the name of a file
    some("since_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("kind", "name"),
    **CLUSTERED,
)

layer = Table(
    "layer",
    metadata,
    number(),
    some("kind", INTEGER),
    some("state", INTEGER),
    Column("owner", TEXT),  # of an open one: the lock that its writer holds
    Column("rows", INTEGER),
    Column("tombstones", INTEGER),
    Column("bytes", INTEGER),
    Column("min_key", BLOB),
    Column("max_key", BLOB),
    Column("commit_id", INTEGER),  # whose own it is; of a squashed commit, one that stood on it
    crc(),
    **NUMBERED,
)
_unsettled = layer.c.state != int(LayerState.SEALED)
Index("layer_unsettled", layer.c.state, sqlite_where=_unsettled)

entry = Table(
    "entry",
    metadata,
    some("layer", INTEGER),
    some("key", BLOB),
    some("kind", INTEGER),
    Column("content", INTEGER),  # a blob's or a manifest's number
    Column("digest", BLOB),
    Column("size", INTEGER),
    Column("etag", TEXT),
    Column("modified_us", INTEGER),
    Column("meta", BLOB),  # content headers and user metadata in canonical form; NULL: none
    Column("checksum", TEXT),
    Column("parts", INTEGER),  # of a multipart object: its part_list
    Column("origin", INTEGER),  # the layer that it was written into, of one that was copied here; NULL: this one
    crc(),
    PrimaryKeyConstraint("layer", "key"),
    **CLUSTERED,
)

run = Table(  # a merge of deltas, newest first, a JSON array
    "run", metadata, Column("layer", INTEGER, primary_key=True), some("covers", TEXT), crc(), sqlite_strict=True
)
