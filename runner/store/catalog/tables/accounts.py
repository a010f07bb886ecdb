"""Who may do what."""

from __future__ import annotations

from sqlalchemy import BLOB, INTEGER, TEXT, Column, Index, PrimaryKeyConstraint, Table

from runner.store.catalog.tables.columns import CLUSTERED, NUMBERED, crc, metadata, number, some

account = Table(
    "account",
    metadata,
    number(),
    Column("name", TEXT, nullable=False, unique=True),  # S3's Owner ID and DisplayName
    some("created_us", INTEGER),
    crc(),
    **NUMBERED,
)

token = Table(  # known by its SHA-256 alone
    "token",
    metadata,
    Column("digest", BLOB, primary_key=True),
    some("account", INTEGER),
    some("created_us", INTEGER),
    Column("expires_us", INTEGER),
    Column("reads", TEXT),  # repos that it may read and nothing else, a JSON array of numbers; NULL: as the account
    crc(),
    **CLUSTERED,
)

access = Table(
    "access",
    metadata,
    some("account", INTEGER),
    some("repo", INTEGER),  # 0: every repo
    some("level", INTEGER),
    crc(),
    PrimaryKeyConstraint("account", "repo"),
    **CLUSTERED,
)
Index("access_repo", access.c.repo)
