"""Pipelines, their jobs, and what these left."""

from __future__ import annotations

from sqlalchemy import BLOB, INTEGER, REAL, TEXT, Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from runner.store.catalog.codes import JOB_TERMINAL_FROM
from runner.store.catalog.tables.columns import CLUSTERED, NUMBERED, crc, metadata, number, some

pipeline = Table(
    "pipeline",
    metadata,
    number(),
    some("project", TEXT),
    some("name", TEXT),
    some("created_us", INTEGER),
    crc(),
    UniqueConstraint("project", "name"),
    **NUMBERED,
)

pipeline_version = Table(
    "pipeline_version",
    metadata,
    some("pipeline", INTEGER),
    some("version", INTEGER),
    some("digest", TEXT),
    some("spec", BLOB),
    some("created_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("pipeline", "version"),
    sqlite_strict=True,
)

job = Table(
    "job",
    metadata,
    number(),
    some("pipeline", INTEGER),
    some("uuid", TEXT),
    some("version", INTEGER),
    some("state", INTEGER),
    some("output_repo", INTEGER),
    some("output_branch", TEXT),
    some("reason", TEXT),
    Column("status", INTEGER),
    some("restarts", INTEGER),
    some("created_us", INTEGER),
    Column("started_us", INTEGER),
    Column("finished_us", INTEGER),
    Column("commit_id", INTEGER),  # published, or quarantined
    Column("draft", BLOB),  # the record as known at the seal, with which a crash is settled
    some("data_total", INTEGER),
    some("data_processed", INTEGER),
    some("data_skipped", INTEGER),
    some("data_failed", INTEGER),
    some("data_recovered", INTEGER),
    some("read_bytes", INTEGER),
    some("written_bytes", INTEGER),
    crc(),
    UniqueConstraint("pipeline", "uuid"),
    **NUMBERED,
)
Index("job_uuid", job.c.uuid)
Index("job_state", job.c.pipeline, job.c.state, job.c.id)  # the newest jobs in a state
_unfinished = job.c.state < JOB_TERMINAL_FROM
Index("job_unfinished", job.c.state, sqlite_where=_unfinished)

tally = Table(  # how many jobs of a pipeline have ended so
    "tally",
    metadata,
    some("pipeline", INTEGER),
    some("state", INTEGER),
    some("jobs", INTEGER),
    PrimaryKeyConstraint("pipeline", "state"),
    **CLUSTERED,
)

half_hour = Table(  # the same, by the half hour in which they ended, counted from 1970
    "half_hour",
    metadata,
    some("pipeline", INTEGER),
    some("n", INTEGER),
    some("state", INTEGER),
    some("jobs", INTEGER),
    PrimaryKeyConstraint("pipeline", "n", "state"),
    **CLUSTERED,
)

job_input = Table(
    "job_input",
    metadata,
    some("job", INTEGER),
    some("n", INTEGER),
    some("name", TEXT),
    some("project", TEXT),
    some("repo", TEXT),
    some("branch", TEXT),
    some("uuid", TEXT),
    some("s3", INTEGER),
    crc(),
    PrimaryKeyConstraint("job", "n"),
    **CLUSTERED,
)
Index("job_input_commit", job_input.c.uuid)  # who reads a commit

datum = Table(
    "datum",
    metadata,
    number(),  # grows in the order of a job's datums
    some("job", INTEGER),
    some("datum", TEXT),
    Column("hash", BLOB),  # what it is recognised by in the next job; NULL: it never is
    some("state", INTEGER),
    Column("source", INTEGER),  # of a skipped one: the datum that wrote its output, in whatever job
    some("files", TEXT),  # a JSON array of input, path, objects and bytes of each member
    some("objects", INTEGER),
    some("bytes", INTEGER),
    crc(),
    UniqueConstraint("job", "datum"),
    **NUMBERED,
)

produced = Table(  # which keys a datum wrote, where each is written by one alone
    "produced",
    metadata,
    some("datum", INTEGER),
    some("key", BLOB),
    crc(),
    PrimaryKeyConstraint("datum", "key"),
    **CLUSTERED,
)

attempt = Table(
    "attempt",
    metadata,
    some("job", INTEGER),
    some("datum", TEXT),
    some("number", INTEGER),
    some("n", INTEGER),  # order of the attempts of a job: its layer's place in the stack
    some("layer", INTEGER),
    some("started_us", INTEGER),
    Column("finished_us", INTEGER),
    Column("exit_status", INTEGER),
    Column("exit_signal", INTEGER),
    Column("user_seconds", REAL),
    Column("system_seconds", REAL),
    Column("max_rss_bytes", INTEGER),
    some("reason", TEXT),
    some("objects", INTEGER),
    some("bytes", INTEGER),
    crc(),
    PrimaryKeyConstraint("job", "datum", "number"),
    **CLUSTERED,
)

stack = Table(  # a job's `out`, bottom to top
    "stack",
    metadata,
    some("job", INTEGER),
    some("n", INTEGER),
    some("layer", INTEGER),
    crc(),
    PrimaryKeyConstraint("job", "n"),
    **CLUSTERED,
)

log_chunk = Table(
    "log_chunk",
    metadata,
    some("job", INTEGER),
    some("first_line", INTEGER),
    some("lines", INTEGER),
    some("text", BLOB),
    crc(),
    PrimaryKeyConstraint("job", "first_line"),
    sqlite_strict=True,
)

observed = Table(
    "observed",
    metadata,
    some("job", INTEGER),
    some("input", TEXT),
    some("key", BLOB),
    some("op", TEXT),
    some("detail", BLOB),  # the ETag of an object, the delimiter of a listing
    some("ranges", TEXT),
    Column("reached", BLOB),
    some("requests", INTEGER),
    some("first_us", INTEGER),
    some("last_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("job", "input", "key", "op", "detail"),
    **CLUSTERED,
)
