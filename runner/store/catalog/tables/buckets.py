"""What buckets of the store view have beside their objects."""

from __future__ import annotations

from sqlalchemy import BLOB, INTEGER, TEXT, Column, Index, PrimaryKeyConstraint, Table

from runner.store.catalog.tables.columns import CLUSTERED, crc, metadata, some

document = Table(  # versioning, tagging, cors, … of a branch
    "document",
    metadata,
    some("repo", INTEGER),
    some("branch", TEXT),
    some("name", TEXT),
    some("body", BLOB),
    crc(),
    PrimaryKeyConstraint("repo", "branch", "name"),
    **CLUSTERED,
)

version = Table(  # S3's versions of a branch's keys, the current one too, once versioning was asked for
    "version",
    metadata,
    some("repo", INTEGER),
    some("branch", TEXT),
    some("key", BLOB),
    some("seq", INTEGER),  # grows with each version of the key
    some("id", TEXT),
    some("kind", INTEGER),  # from here as in `entry`; a tombstone is a delete marker
    Column("content", INTEGER),
    Column("digest", BLOB),
    Column("size", INTEGER),
    Column("etag", TEXT),
    some("modified_us", INTEGER),
    Column("meta", BLOB),
    Column("checksum", TEXT),
    Column("parts", INTEGER),
    crc(),
    PrimaryKeyConstraint("repo", "branch", "key", "seq"),
    **CLUSTERED,
)
Index("version_id", version.c.repo, version.c.branch, version.c.key, version.c.id)

upload = Table(
    "upload",
    metadata,
    Column("id", TEXT, primary_key=True),
    some("place", TEXT),  # where the object will appear: an attempt's layer, or a branch
    some("key", BLOB),
    Column("meta", BLOB),
    Column("algorithm", TEXT),
    some("checksum_type", TEXT),
    some("created_us", INTEGER),
    Column("completed", BLOB),  # which parts made it an object, so that the same request has the same answer
    crc(),
    **CLUSTERED,
)
Index("upload_key", upload.c.place, upload.c.key, upload.c.id)

part = Table(
    "part",
    metadata,
    some("upload", TEXT),
    some("n", INTEGER),
    some("kind", INTEGER),
    some("content", INTEGER),
    some("digest", BLOB),
    some("size", INTEGER),
    some("etag", TEXT),
    Column("checksum", TEXT),
    some("modified_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("upload", "n"),
    **CLUSTERED,
)
