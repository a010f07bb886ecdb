"""Names, and the commits that they stand for."""

from __future__ import annotations

from sqlalchemy import BLOB, INTEGER, TEXT, Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from runner.store.catalog.tables.columns import CLUSTERED, NUMBERED, crc, metadata, number, some

project = Table(
    "project",
    metadata,
    Column("name", TEXT, primary_key=True),
    some("description", TEXT),
    some("created_us", INTEGER),
    crc(),
    **CLUSTERED,
)

repo = Table(
    "repo",
    metadata,
    number(),
    some("project", TEXT),
    some("name", TEXT),
    some("description", TEXT),
    some("created_us", INTEGER),
    crc(),
    UniqueConstraint("project", "name"),
    **NUMBERED,
)

branch = Table(
    "branch",
    metadata,
    some("repo", INTEGER),
    some("name", TEXT),
    Column("head", INTEGER),
    some("gen", INTEGER),  # moved by compare-and-swap
    some("created_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("repo", "name"),
    **CLUSTERED,
)

burst = Table(  # what is staged on a branch: its layers, the newest on top
    "burst",
    metadata,
    some("repo", INTEGER),
    some("branch", TEXT),
    some("layer", INTEGER),
    some("opened_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("repo", "branch", "layer"),
    **CLUSTERED,
)

commit = Table(
    "commits",
    metadata,
    number(),  # narrow, so that parent, base and heads are; ids are unique within a repo only
    some("repo", INTEGER),
    some("uuid", TEXT),
    some("branch", TEXT),
    Column("parent", INTEGER),  # history
    Column("base", INTEGER),  # content below its own layers; NULL: starts empty
    some("layers", TEXT),  # its own, newest first, a JSON array
    some("read_set", TEXT),  # layers that a read merges, newest first; derived, may be replaced
    some("state", INTEGER),
    some("origin", INTEGER),
    some("digest", BLOB),
    some("content_sum", BLOB),  # from which the digest is taken, and that of the next commit computed
    some("objects", INTEGER),
    some("bytes", INTEGER),
    some("started_us", INTEGER),
    Column("finished_us", INTEGER),
    some("description", TEXT),
    some("error", TEXT),
    crc(),
    UniqueConstraint("repo", "uuid"),
    **NUMBERED,
)
Index("commits_parent", commit.c.parent)
Index("commits_base", commit.c.base)
Index("commits_uuid", commit.c.uuid)
_open = commit.c.state == 0
Index(  # at most one on a branch
    "commits_open", commit.c.repo, commit.c.branch, unique=True, sqlite_where=_open
)

provenance = Table(
    "provenance",
    metadata,
    Column("commit_id", INTEGER, primary_key=True),
    some("record", BLOB),
    some("digest", BLOB),  # BLAKE3 of the record, so that damage is seen
    crc(),
    sqlite_strict=True,
)

difference = Table(  # what a commit changed in its parent, by folder: `folders.FolderCounts`
    "difference",
    metadata,
    Column("commit_id", INTEGER, primary_key=True),
    some("folders", BLOB),
    crc(),
    sqlite_strict=True,
)
