"""Accounts: who may do what through a gateway that asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class AccessLevel(IntEnum):
    """What an account may do with a repo; each level holds those below it.

    The numbers are part of the store's form.
    """

    READ = 1
    WRITE = 2
    ADMIN = 3
    OWNER = 4


EVERY_REPO = "*"


@dataclass(frozen=True, slots=True)
class Access:
    """What an account may do with one repo; *project* is empty and *repo* is `EVERY_REPO` for all of them."""

    project: str
    repo: str
    level: AccessLevel


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        name: S3's Owner ID and DisplayName.
        tokens: How many open its view now.
        access: By repo.
    """

    name: str
    created: datetime
    tokens: int
    access: tuple[Access, ...]
