"""Accounts, their tokens and their rights.

A token is shown once and kept as its SHA-256: it has the entropy of a key, so no salt and no slow hash is needed, and
a look-up by the hash tells nothing of how close a guess came.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
import time
from collections.abc import Sequence

from runner.model.account import EVERY_REPO, Access, AccessLevel, Account
from runner.model.address import check_name
from runner.model.errors import Conflict, Invalid, NotFound
from runner.store.catalog import query
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import repos
from runner.store.refusals import AccessDenied
from runner.store.rights import Rights
from runner.store.store import Store
from runner.store.times import from_us

TOKEN_PREFIX = "rnr_"  # noqa: S105  # no secret: tells people and scanners of leaks what the rest is
_TOKEN_ALPHABET = string.ascii_letters + string.digits
_TOKEN_CHARACTERS = 43  # 256 bits
_GIVEN = re.compile(r"[A-Za-z0-9_-]{12,128}")
_ALL = 0  # the number of no repo

_FIND = """
    SELECT a.id, a.name, t.reads FROM token t JOIN account a ON a.id = t.account
    WHERE t.digest = ? AND (t.expires_us IS NULL OR t.expires_us > ?)
"""
_ACCOUNTS = """
    SELECT a.id, a.name, a.created_us, coalesce(n.tokens, 0) AS tokens FROM account a
    LEFT JOIN (
        SELECT account, count(*) AS tokens FROM token WHERE expires_us IS NULL OR expires_us > ? GROUP BY account
    ) n ON n.account = a.id ORDER BY a.name
"""
_ACCESS = """
    SELECT a.account, a.repo, a.level, r.project, r.name FROM access a
    LEFT JOIN repo r ON r.id = a.repo ORDER BY r.project NULLS FIRST, r.name
"""
_GRANT = """
    INSERT INTO access (account, repo, level) VALUES (?, ?, ?)
    ON CONFLICT (account, repo) DO UPDATE SET level = excluded.level
"""


class NoSuchAccount(NotFound):
    """There is no account of that name."""


class AccountExists(Conflict):
    """The account is there already."""


class TokenInvalid(Invalid):
    """What is to be a token has another form, or is one already."""


def new_token() -> str:
    """Draw an access key, which is its own secret key."""
    return TOKEN_PREFIX + "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_CHARACTERS))


def find_rights(db: Connection, token: str) -> Rights | None:
    """Return what a token opens now; None: nothing. One point read."""
    row = db.execute(_FIND, (_digest(token), time.time_ns() // 1000)).fetchone()
    if row is None:
        return None
    number, name, reads = row
    return Rights(number, name, None if reads is None else frozenset(json.loads(reads)))


async def create(store: Store, name: str, access: Sequence[Access] = (), token: str | None = None) -> str:
    """Make an account and its first token.

    Args:
        store: Where.
        name: Of the account.
        access: What it may do with which repos, beside those that it will make.
        token: To be known by; None: one is drawn.

    Returns:
        The token, which nobody can be told again.

    Raises:
        InvalidName, AccountExists, NoSuchRepo, TokenInvalid.
    """
    check_name("account", name)
    token = _checked(token)

    def insert(tx: Transaction) -> None:
        if _find(tx.db, name) is not None:
            raise AccountExists(f"the account {name} exists already", hint=f"runner account token {name} makes a token")
        account = query.insert_numbered(tx.db, "account", {"name": name, "created_us": tx.now_us})
        for each in access:
            repo = _ALL if each.repo == EVERY_REPO else repos.require(tx.db, each.project, each.repo)
            grant(tx, account, repo, each.level)
        _keep(tx, account, token)

    await store.writer.write(insert)
    return token


async def issue(
    store: Store, name: str, *, seconds: float | None = None, reads: Sequence[tuple[str, str]] | None = None
) -> str:
    """Make another token of an account.

    Args:
        store: Where.
        name: Of the account.
        seconds: For so long, more than none; None: until the account is revoked.
        reads: Project and name of the repos that it may read, and nothing else; None: all that the account may do.

    Returns:
        The token, which nobody can be told again.

    Raises:
        NoSuchAccount, NoSuchRepo.
        TokenInvalid: It would never be good.
    """
    if seconds is not None and seconds <= 0:
        raise TokenInvalid("the token would never be good", hint="give it more time than none")
    token = new_token()

    def insert(tx: Transaction) -> None:
        numbers = None if reads is None else [repos.require(tx.db, project, repo) for project, repo in reads]
        _keep(tx, _require(tx.db, name), token, seconds=seconds, reads=numbers)

    await store.writer.write(insert)
    return token


async def list_accounts(store: Store) -> Sequence[Account]:
    """Return all accounts by name."""
    db = store.catalog.db
    access: dict[int, list[Access]] = {}
    for row in query.rows(db, _ACCESS):
        repo = EVERY_REPO if row.repo == _ALL else row.name
        each = Access(row.project or "", repo, AccessLevel(row.level))
        access.setdefault(row.account, []).append(each)
    return [
        Account(row.name, from_us(row.created_us), row.tokens, tuple(access.get(row.id, ())))
        for row in query.rows(db, _ACCOUNTS, (time.time_ns() // 1000,))
    ]


async def revoke(store: Store, name: str) -> None:
    """Remove an account with its tokens and rights; the repos that it made stay. Raises `NoSuchAccount`."""

    def run(tx: Transaction) -> None:
        account = _require(tx.db, name)
        tx.db.execute("DELETE FROM token WHERE account = ?", (account,))
        tx.db.execute("DELETE FROM access WHERE account = ?", (account,))
        tx.db.execute("DELETE FROM account WHERE id = ?", (account,))

    await store.writer.write(run)


def own(tx: Transaction, account: int, repo: int) -> None:
    """Let a repo that is new belong to an account; raises `AccessDenied` when that was revoked meanwhile."""
    if not query.exists(tx.db, "SELECT 1 FROM account WHERE id = ?", (account,)):
        raise AccessDenied("the account was revoked")
    grant(tx, account, repo, AccessLevel.OWNER)


def grant(tx: Transaction, account: int, repo: int, level: AccessLevel) -> None:
    """Let an account do something with a repo."""
    query.write(tx.db, "access", _GRANT, (account, repo, level))


def _keep(
    tx: Transaction, account: int, token: str, *, seconds: float | None = None, reads: Sequence[int] | None = None
) -> None:
    if query.exists(tx.db, "SELECT 1 FROM token WHERE digest = ?", (_digest(token),)):
        raise TokenInvalid("this token is an account's already", hint="leave it out, and one is drawn")
    tx.db.execute("DELETE FROM token WHERE expires_us <= ?", (tx.now_us,))
    expires_us = None if seconds is None else tx.now_us + int(seconds * 1_000_000)
    values = {
        "digest": _digest(token),
        "account": account,
        "created_us": tx.now_us,
        "expires_us": expires_us,
        "reads": None if reads is None else json.dumps(reads),
    }
    query.insert(tx.db, "token", values)


def _checked(token: str | None) -> str:
    if token is None:
        return new_token()
    if _GIVEN.fullmatch(token) is None:
        raise TokenInvalid("the token has another form", hint='give 12 to 128 letters, digits, "-" and "_"')
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _find(db: Connection, name: str) -> int | None:
    found: int | None = query.value(db, "SELECT id FROM account WHERE name = ?", (name,))
    return found


def _require(db: Connection, name: str) -> int:
    found = _find(db, name)
    if found is None:
        raise NoSuchAccount(f"there is no account {name}", hint="runner account list shows them")
    return found
