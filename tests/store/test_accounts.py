from __future__ import annotations

import hashlib

import pytest

from runner.model.account import Access, AccessLevel
from runner.model.address import InvalidName
from runner.store import accounts
from runner.store.accounts import AccountExists, NoSuchAccount, TokenInvalid
from runner.store.history import removal, repos
from runner.store.history.repos import NoSuchRepo


async def test_a_token_is_drawn_told_once_and_kept_as_its_hash(store):
    token = await accounts.create(store, "ada")
    assert token[:4] == accounts.TOKEN_PREFIX
    assert len(token) == 47
    rights = accounts.find_rights(store.catalog.db, token)
    assert (rights.name, rights.reads) == ("ada", None)
    (row,) = store.catalog.db.execute("SELECT digest FROM token").fetchall()
    assert row == (hashlib.sha256(token.encode()).digest(),)
    assert accounts.find_rights(store.catalog.db, token[:-1]) is None
    await store.writer.write(lambda _tx: None)
    assert all(token.encode() not in file.read_bytes() for file in store.folder.rglob("catalog*"))


async def test_a_token_may_be_given_and_must_look_like_one(store):
    assert await accounts.create(store, "ada", token="a-given_token") == "a-given_token"
    for wrong in ("short", "with space in it", "x" * 129, ""):
        with pytest.raises(TokenInvalid):
            await accounts.create(store, "bob", token=wrong)
    with pytest.raises(TokenInvalid):
        await accounts.create(store, "bob", token="a-given_token")
    assert [each.name for each in await accounts.list_accounts(store)] == ["ada"]


async def test_rights_are_of_repos_that_are_there(store):
    await repos.create(store, "default", "data")
    with pytest.raises(NoSuchRepo):
        await accounts.create(store, "ada", [Access("default", "none", AccessLevel.READ)])
    granted = [Access("default", "data", AccessLevel.WRITE), Access("", "*", AccessLevel.READ)]
    token = await accounts.create(store, "ada", granted)
    (found,) = await accounts.list_accounts(store)
    assert (found.name, found.tokens, set(found.access)) == ("ada", 1, set(granted))
    rights = accounts.find_rights(store.catalog.db, token)
    (number,) = store.catalog.db.execute("SELECT id FROM repo").fetchone()
    assert (rights.level(store.catalog.db, number), rights.level(store.catalog.db, 99)) == (2, 1)
    await removal.delete_repo(store, "default", "data")
    assert [each.access for each in await accounts.list_accounts(store)] == [(granted[1],)]


async def test_a_token_dies_with_its_time(store):
    await accounts.create(store, "ada")
    for never in (0, -1):
        with pytest.raises(TokenInvalid):
            await accounts.issue(store, "ada", seconds=never)
    dying = await accounts.issue(store, "ada", seconds=1e-6)
    assert accounts.find_rights(store.catalog.db, dying) is None
    assert [each.tokens for each in await accounts.list_accounts(store)] == [1]
    alive = await accounts.issue(store, "ada", seconds=3600)
    assert accounts.find_rights(store.catalog.db, alive).name == "ada"
    assert store.catalog.db.execute("SELECT count(*) FROM token").fetchone() == (2,)


async def test_a_revoked_account_opens_nothing_and_its_repos_stay(store):
    await repos.create(store, "default", "data")
    token = await accounts.create(store, "ada", [Access("default", "data", AccessLevel.ADMIN)])
    await accounts.revoke(store, "ada")
    assert accounts.find_rights(store.catalog.db, token) is None
    assert await accounts.list_accounts(store) == []
    assert [repo.name for repo in await repos.list_repos(store, "default")] == ["data"]
    assert store.catalog.db.execute("SELECT count(*) FROM access").fetchone() == (0,)


async def test_what_exists_what_is_missing_and_what_is_misspelt(store):
    await accounts.create(store, "ada")
    with pytest.raises(AccountExists):
        await accounts.create(store, "ada")
    for missing in (accounts.issue(store, "bob"), accounts.revoke(store, "bob")):
        with pytest.raises(NoSuchAccount):
            await missing
    with pytest.raises(InvalidName):
        await accounts.create(store, "not a name")
