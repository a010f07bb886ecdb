"""What makes jobs, and those that wait for a worker."""

from __future__ import annotations

from sqlalchemy import INTEGER, TEXT, Column, PrimaryKeyConstraint, Table

from runner.store.catalog.tables.columns import CLUSTERED, crc, metadata, some

registration = Table(  # pipelines whose jobs triggers make and workers run, by one of their versions
    "registration",
    metadata,
    Column("pipeline", INTEGER, primary_key=True, autoincrement=False),
    some("version", INTEGER),  # of the spec that the jobs have, whatever was run by hand since
    some("is_stopped", INTEGER),
    crc(),
    **CLUSTERED,
)

trigger = Table(  # whose jobs a move of a branch makes, also of one that is not there yet
    "trigger",
    metadata,
    some("project", TEXT),
    some("repo", TEXT),
    some("branch", TEXT),
    some("pipeline", INTEGER),
    crc(),
    PrimaryKeyConstraint("project", "repo", "branch", "pipeline"),
    **CLUSTERED,
)

follow = Table(  # for which pipelines other branches of the repo may go after a branch that moves
    "follow",
    metadata,
    some("project", TEXT),
    some("repo", TEXT),
    some("branch", TEXT),
    some("pipeline", INTEGER),
    crc(),
    PrimaryKeyConstraint("project", "repo", "branch", "pipeline"),
    **CLUSTERED,
)

clock = Table(  # branches that move with time, and the last tick of each
    "clock",
    metadata,
    some("project", TEXT),
    some("repo", TEXT),
    some("branch", TEXT),
    some("ticked_us", INTEGER),
    crc(),
    PrimaryKeyConstraint("project", "repo", "branch"),
    **CLUSTERED,
)

queue = Table(  # jobs that a trigger made, until they end: they wait for a worker, or are with one
    "queue", metadata, Column("job", INTEGER, primary_key=True, autoincrement=False), crc(), **CLUSTERED
)

stop = Table(  # jobs under way that somebody wants to end: whoever runs them does it
    "stop",
    metadata,
    Column("job", INTEGER, primary_key=True, autoincrement=False),
    some("reason", TEXT),
    some("is_anew", INTEGER),  # then it waits for a worker again
    crc(),
    **CLUSTERED,
)
