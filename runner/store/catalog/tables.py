"""The catalog's tables, one per word. Keys are bytes; times are microseconds since 1970 UTC.

Small rows lie in WITHOUT ROWID tables, in the order of their keys. Digests, sizes and ETags stand in the entries
themselves, so that listing, HEAD and comparison join nothing. Numbers of states stand in `codes`. Rows have sums of
themselves (`sums`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import BLOB, INTEGER, REAL, TEXT, Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from runner.store.catalog.codes import JOB_TERMINAL_FROM, LayerState

metadata = sa.MetaData()

# A condition of an index is said for SQLite alone: to name another dialect here is to import it with every command.

_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False, "sqlite_strict": True}
_NUMBERED: dict[str, Any] = {"sqlite_autoincrement": True, "sqlite_strict": True}


def _some(name: str, kind: type[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _crc() -> Column[Any]:
    return Column("crc", INTEGER)  # the sum of the others (`sums`); NULL only between the statements of `query.write`


def _number(name: str = "id") -> Column[int]:
    return Column(name, INTEGER, primary_key=True)


meta = Table("meta", metadata, Column("name", TEXT, primary_key=True), _some("value", TEXT), _crc(), **_CLUSTERED)

# Bytes.

blob = Table(  # immutable bytes, named by their BLAKE3
    "blob",
    metadata,
    _number(),
    Column("digest", BLOB, nullable=False, unique=True),
    _some("size", INTEGER),
    _some("place", INTEGER),
    Column("pack", INTEGER),
    Column("off", INTEGER),  # in a pack: of the bytes, after the frame's header
    Column("name", TEXT),  # of an own file
    _some("epoch", INTEGER),
    **_NUMBERED,
)
_packed = blob.c.pack.is_not(None)
Index("blob_pack", blob.c.pack, sqlite_where=_packed)

manifest = Table(  # content of several extents
    "manifest",
    metadata,
    _number(),
    _some("digest", BLOB),
    _some("size", INTEGER),
    _some("epoch", INTEGER),
    **_NUMBERED,
)

extent = Table(
    "extent",
    metadata,
    _some("manifest", INTEGER),
    _some("start", INTEGER),  # in the content, so that a range finds its extents by seeking
    _some("blob", INTEGER),
    _some("off", INTEGER),
    _some("len", INTEGER),  # at least 1
    _crc(),
    PrimaryKeyConstraint("manifest", "start"),
    **_CLUSTERED,
)

part_list = Table(  # what S3 tells of the parts of a multipart object: a JSON array of number, size, ETag, checksum
    "part_list", metadata, _number(), _some("parts", BLOB), _crc(), **_NUMBERED
)

doomed = Table(  # what a collection found that nothing refers to; removed when that is still so after a grace
    "doomed",
    metadata,
    _some("kind", INTEGER),
    _some("name", TEXT),  # a number, or the name of a file
    _some("since_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("kind", "name"),
    **_CLUSTERED,
)

# Names and history.

project = Table(
    "project",
    metadata,
    Column("name", TEXT, primary_key=True),
    _some("description", TEXT),
    _some("created_us", INTEGER),
    _crc(),
    **_CLUSTERED,
)

repo = Table(
    "repo",
    metadata,
    _number(),
    _some("project", TEXT),
    _some("name", TEXT),
    _some("description", TEXT),
    _some("created_us", INTEGER),
    _crc(),
    UniqueConstraint("project", "name"),
    **_NUMBERED,
)

branch = Table(
    "branch",
    metadata,
    _some("repo", INTEGER),
    _some("name", TEXT),
    Column("head", INTEGER),
    _some("gen", INTEGER),  # moved by compare-and-swap
    _some("created_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("repo", "name"),
    **_CLUSTERED,
)

burst = Table(  # what is staged on a branch: its layers, the newest on top
    "burst",
    metadata,
    _some("repo", INTEGER),
    _some("branch", TEXT),
    _some("layer", INTEGER),
    _some("opened_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("repo", "branch", "layer"),
    **_CLUSTERED,
)

commit = Table(
    "commits",
    metadata,
    _number(),  # narrow, so that parent, base and heads are; ids are unique within a repo only
    _some("repo", INTEGER),
    _some("uuid", TEXT),
    _some("branch", TEXT),
    Column("parent", INTEGER),  # history
    Column("base", INTEGER),  # content below its own layers; NULL: starts empty
    _some("layers", TEXT),  # its own, newest first, a JSON array
    _some("read_set", TEXT),  # layers that a read merges, newest first; derived, may be replaced
    _some("state", INTEGER),
    _some("origin", INTEGER),
    _some("digest", BLOB),
    _some("content_sum", BLOB),  # from which the digest is taken, and that of the next commit computed
    _some("objects", INTEGER),
    _some("bytes", INTEGER),
    _some("started_us", INTEGER),
    Column("finished_us", INTEGER),
    _some("description", TEXT),
    _some("error", TEXT),
    _crc(),
    UniqueConstraint("repo", "uuid"),
    **_NUMBERED,
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
    _some("record", BLOB),
    _some("digest", BLOB),  # BLAKE3 of the record, so that damage is seen
    _crc(),
    sqlite_strict=True,
)

difference = Table(  # what a commit changed in its parent, by folder: `folders.FolderCounts`
    "difference",
    metadata,
    Column("commit_id", INTEGER, primary_key=True),
    _some("folders", BLOB),
    _crc(),
    sqlite_strict=True,
)

# Content.

layer = Table(
    "layer",
    metadata,
    _number(),
    _some("kind", INTEGER),
    _some("state", INTEGER),
    Column("owner", TEXT),  # of an open one: the lock that its writer holds
    Column("rows", INTEGER),
    Column("tombstones", INTEGER),
    Column("bytes", INTEGER),
    Column("min_key", BLOB),
    Column("max_key", BLOB),
    Column("commit_id", INTEGER),  # whose own it is; of a squashed commit, one that stood on it
    _crc(),
    **_NUMBERED,
)
_unsettled = layer.c.state != int(LayerState.SEALED)
Index("layer_unsettled", layer.c.state, sqlite_where=_unsettled)

entry = Table(
    "entry",
    metadata,
    _some("layer", INTEGER),
    _some("key", BLOB),
    _some("kind", INTEGER),
    Column("content", INTEGER),  # a blob's or a manifest's number
    Column("digest", BLOB),
    Column("size", INTEGER),
    Column("etag", TEXT),
    Column("modified_us", INTEGER),
    Column("meta", BLOB),  # content headers and user metadata in canonical form; NULL: none
    Column("checksum", TEXT),
    Column("parts", INTEGER),  # of a multipart object: its part_list
    Column("origin", INTEGER),  # the layer that it was written into, of one that was copied here; NULL: this one
    _crc(),
    PrimaryKeyConstraint("layer", "key"),
    **_CLUSTERED,
)

run = Table(  # a merge of deltas, newest first, a JSON array
    "run", metadata, Column("layer", INTEGER, primary_key=True), _some("covers", TEXT), _crc(), sqlite_strict=True
)

# What buckets of the store view have beside their objects.

document = Table(  # versioning, tagging, cors, … of a branch
    "document",
    metadata,
    _some("repo", INTEGER),
    _some("branch", TEXT),
    _some("name", TEXT),
    _some("body", BLOB),
    _crc(),
    PrimaryKeyConstraint("repo", "branch", "name"),
    **_CLUSTERED,
)

version = Table(  # S3's versions of a branch's keys, the current one too, once versioning was asked for
    "version",
    metadata,
    _some("repo", INTEGER),
    _some("branch", TEXT),
    _some("key", BLOB),
    _some("seq", INTEGER),  # grows with each version of the key
    _some("id", TEXT),
    _some("kind", INTEGER),  # from here as in `entry`; a tombstone is a delete marker
    Column("content", INTEGER),
    Column("digest", BLOB),
    Column("size", INTEGER),
    Column("etag", TEXT),
    _some("modified_us", INTEGER),
    Column("meta", BLOB),
    Column("checksum", TEXT),
    Column("parts", INTEGER),
    _crc(),
    PrimaryKeyConstraint("repo", "branch", "key", "seq"),
    **_CLUSTERED,
)
Index("version_id", version.c.repo, version.c.branch, version.c.key, version.c.id)

# Accounts.

account = Table(
    "account",
    metadata,
    _number(),
    Column("name", TEXT, nullable=False, unique=True),  # S3's Owner ID and DisplayName
    _some("created_us", INTEGER),
    _crc(),
    **_NUMBERED,
)

token = Table(  # known by its SHA-256 alone
    "token",
    metadata,
    Column("digest", BLOB, primary_key=True),
    _some("account", INTEGER),
    _some("created_us", INTEGER),
    Column("expires_us", INTEGER),
    Column("reads", TEXT),  # repos that it may read and nothing else, a JSON array of numbers; NULL: as the account
    _crc(),
    **_CLUSTERED,
)

access = Table(
    "access",
    metadata,
    _some("account", INTEGER),
    _some("repo", INTEGER),  # 0: every repo
    _some("level", INTEGER),
    _crc(),
    PrimaryKeyConstraint("account", "repo"),
    **_CLUSTERED,
)
Index("access_repo", access.c.repo)

# Uploads.

upload = Table(
    "upload",
    metadata,
    Column("id", TEXT, primary_key=True),
    _some("place", TEXT),  # where the object will appear: an attempt's layer, or a branch
    _some("key", BLOB),
    Column("meta", BLOB),
    Column("algorithm", TEXT),
    _some("checksum_type", TEXT),
    _some("created_us", INTEGER),
    Column("completed", BLOB),  # which parts made it an object, so that the same request has the same answer
    _crc(),
    **_CLUSTERED,
)
Index("upload_key", upload.c.place, upload.c.key, upload.c.id)

part = Table(
    "part",
    metadata,
    _some("upload", TEXT),
    _some("n", INTEGER),
    _some("kind", INTEGER),
    _some("content", INTEGER),
    _some("digest", BLOB),
    _some("size", INTEGER),
    _some("etag", TEXT),
    Column("checksum", TEXT),
    _some("modified_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("upload", "n"),
    **_CLUSTERED,
)

# Pipelines and jobs.

pipeline = Table(
    "pipeline",
    metadata,
    _number(),
    _some("project", TEXT),
    _some("name", TEXT),
    _some("created_us", INTEGER),
    _crc(),
    UniqueConstraint("project", "name"),
    **_NUMBERED,
)

pipeline_version = Table(
    "pipeline_version",
    metadata,
    _some("pipeline", INTEGER),
    _some("version", INTEGER),
    _some("digest", TEXT),
    _some("spec", BLOB),
    _some("created_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("pipeline", "version"),
    sqlite_strict=True,
)

job = Table(
    "job",
    metadata,
    _number(),
    _some("pipeline", INTEGER),
    _some("uuid", TEXT),
    _some("version", INTEGER),
    _some("state", INTEGER),
    _some("output_repo", INTEGER),
    _some("output_branch", TEXT),
    _some("reason", TEXT),
    Column("status", INTEGER),
    _some("restarts", INTEGER),
    _some("created_us", INTEGER),
    Column("started_us", INTEGER),
    Column("finished_us", INTEGER),
    Column("commit_id", INTEGER),  # published, or quarantined
    Column("draft", BLOB),  # the record as known at the seal, with which a crash is settled
    _some("data_total", INTEGER),
    _some("data_processed", INTEGER),
    _some("data_skipped", INTEGER),
    _some("data_failed", INTEGER),
    _some("data_recovered", INTEGER),
    _some("read_bytes", INTEGER),
    _some("written_bytes", INTEGER),
    _crc(),
    UniqueConstraint("pipeline", "uuid"),
    **_NUMBERED,
)
Index("job_uuid", job.c.uuid)
Index("job_state", job.c.pipeline, job.c.state, job.c.id)  # the newest jobs in a state
_unfinished = job.c.state < JOB_TERMINAL_FROM
Index("job_unfinished", job.c.state, sqlite_where=_unfinished)

tally = Table(  # how many jobs of a pipeline have ended so
    "tally",
    metadata,
    _some("pipeline", INTEGER),
    _some("state", INTEGER),
    _some("jobs", INTEGER),
    PrimaryKeyConstraint("pipeline", "state"),
    **_CLUSTERED,
)

half_hour = Table(  # the same, by the half hour in which they ended, counted from 1970
    "half_hour",
    metadata,
    _some("pipeline", INTEGER),
    _some("n", INTEGER),
    _some("state", INTEGER),
    _some("jobs", INTEGER),
    PrimaryKeyConstraint("pipeline", "n", "state"),
    **_CLUSTERED,
)

registration = Table(  # pipelines whose jobs triggers make and workers run, by one of their versions
    "registration",
    metadata,
    Column("pipeline", INTEGER, primary_key=True, autoincrement=False),
    _some("version", INTEGER),  # of the spec that the jobs have, whatever was run by hand since
    _some("is_stopped", INTEGER),
    _crc(),
    **_CLUSTERED,
)

trigger = Table(  # whose jobs a move of a branch makes, also of one that is not there yet
    "trigger",
    metadata,
    _some("project", TEXT),
    _some("repo", TEXT),
    _some("branch", TEXT),
    _some("pipeline", INTEGER),
    _crc(),
    PrimaryKeyConstraint("project", "repo", "branch", "pipeline"),
    **_CLUSTERED,
)

follow = Table(  # for which pipelines other branches of the repo may go after a branch that moves
    "follow",
    metadata,
    _some("project", TEXT),
    _some("repo", TEXT),
    _some("branch", TEXT),
    _some("pipeline", INTEGER),
    _crc(),
    PrimaryKeyConstraint("project", "repo", "branch", "pipeline"),
    **_CLUSTERED,
)

clock = Table(  # branches that move with time, and the last tick of each
    "clock",
    metadata,
    _some("project", TEXT),
    _some("repo", TEXT),
    _some("branch", TEXT),
    _some("ticked_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("project", "repo", "branch"),
    **_CLUSTERED,
)

queue = Table(  # jobs that a trigger made, until they end: they wait for a worker, or are with one
    "queue", metadata, Column("job", INTEGER, primary_key=True, autoincrement=False), _crc(), **_CLUSTERED
)

stop = Table(  # jobs under way that somebody wants to end: whoever runs them does it
    "stop",
    metadata,
    Column("job", INTEGER, primary_key=True, autoincrement=False),
    _some("reason", TEXT),
    _some("is_anew", INTEGER),  # then it waits for a worker again
    _crc(),
    **_CLUSTERED,
)

job_input = Table(
    "job_input",
    metadata,
    _some("job", INTEGER),
    _some("n", INTEGER),
    _some("name", TEXT),
    _some("project", TEXT),
    _some("repo", TEXT),
    _some("branch", TEXT),
    _some("uuid", TEXT),
    _some("s3", INTEGER),
    _crc(),
    PrimaryKeyConstraint("job", "n"),
    **_CLUSTERED,
)
Index("job_input_commit", job_input.c.uuid)  # who reads a commit

datum = Table(
    "datum",
    metadata,
    _number(),  # grows in the order of a job's datums
    _some("job", INTEGER),
    _some("datum", TEXT),
    Column("hash", BLOB),  # what it is recognised by in the next job; NULL: it never is
    _some("state", INTEGER),
    Column("source", INTEGER),  # of a skipped one: the datum that wrote its output, in whatever job
    _some("files", TEXT),  # a JSON array of input, path, objects and bytes of each member
    _some("objects", INTEGER),
    _some("bytes", INTEGER),
    _crc(),
    UniqueConstraint("job", "datum"),
    **_NUMBERED,
)

produced = Table(  # which keys a datum wrote, where each is written by one alone
    "produced",
    metadata,
    _some("datum", INTEGER),
    _some("key", BLOB),
    _crc(),
    PrimaryKeyConstraint("datum", "key"),
    **_CLUSTERED,
)

attempt = Table(
    "attempt",
    metadata,
    _some("job", INTEGER),
    _some("datum", TEXT),
    _some("number", INTEGER),
    _some("n", INTEGER),  # order of the attempts of a job: its layer's place in the stack
    _some("layer", INTEGER),
    _some("started_us", INTEGER),
    Column("finished_us", INTEGER),
    Column("exit_status", INTEGER),
    Column("exit_signal", INTEGER),
    Column("user_seconds", REAL),
    Column("system_seconds", REAL),
    Column("max_rss_bytes", INTEGER),
    _some("reason", TEXT),
    _some("objects", INTEGER),
    _some("bytes", INTEGER),
    _crc(),
    PrimaryKeyConstraint("job", "datum", "number"),
    **_CLUSTERED,
)

stack = Table(  # a job's `out`, bottom to top
    "stack",
    metadata,
    _some("job", INTEGER),
    _some("n", INTEGER),
    _some("layer", INTEGER),
    _crc(),
    PrimaryKeyConstraint("job", "n"),
    **_CLUSTERED,
)

log_chunk = Table(
    "log_chunk",
    metadata,
    _some("job", INTEGER),
    _some("first_line", INTEGER),
    _some("lines", INTEGER),
    _some("text", BLOB),
    _crc(),
    PrimaryKeyConstraint("job", "first_line"),
    sqlite_strict=True,
)

observed = Table(
    "observed",
    metadata,
    _some("job", INTEGER),
    _some("input", TEXT),
    _some("key", BLOB),
    _some("op", TEXT),
    _some("detail", BLOB),  # the ETag of an object, the delimiter of a listing
    _some("ranges", TEXT),
    Column("reached", BLOB),
    _some("requests", INTEGER),
    _some("first_us", INTEGER),
    _some("last_us", INTEGER),
    _crc(),
    PrimaryKeyConstraint("job", "input", "key", "op", "detail"),
    **_CLUSTERED,
)
