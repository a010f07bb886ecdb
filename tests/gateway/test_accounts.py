"""Several accounts on one store: each sees and changes what it made or was granted, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runner.gateway.principal import Principal
from runner.model.account import Access, AccessLevel
from runner.store import Store, accounts, open_store
from runner.store.buckets.storeview import StoreView
from runner.store.rights import NOBODY
from runner.store.writing.bursts import Bursts, open_bursts
from runner.store.writing.changes import open_change
from tests.gateway.bucket import ENABLED
from tests.gateway.caller import Caller
from tests.store.world import NO_ATTRIBUTES, Body


class World:
    """Makes callers for the tokens of a store."""

    def __init__(self, store: Store, bursts: Bursts) -> None:
        self.store = store
        self._bursts = bursts

    async def account(self, name: str, **access: AccessLevel) -> Caller:
        given = [Access("default", repo, level) for repo, level in access.items()]
        return self.of(await accounts.create(self.store, name, given))

    def of(self, token: str | None) -> Caller:
        rights = NOBODY if token is None else accounts.find_rights(self.store.catalog.db, token)
        assert rights is not None
        view = StoreView(self.store, self._bursts, project="default", rights=rights)
        return Caller(view, principal=Principal(rights.name, rights=rights), views=lambda _principal: view)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_store(tmp_path / "store") as store, open_bursts(store) as bursts:
        yield World(store, bursts)


async def test_what_an_account_makes_is_its_own(world: World) -> None:
    ada, bob = await world.account("ada"), await world.account("bob")
    assert (await ada("PUT", "/data")).status == (await ada("PUT", "/data")).status == 200
    assert (await ada("PUT", "/data/k", b"x")).status == 200
    assert (await bob("PUT", "/data")).code == "BucketAlreadyExists"
    assert (await bob("GET", "/?")).texts("Buckets/Bucket/Name") == []
    listed = await ada("GET", "/?")
    assert (listed.texts("Buckets/Bucket/Name"), listed.texts("Owner/ID")) == (["data"], ["ada"])
    assert (await ada("GET", "/data?acl")).texts("Owner/DisplayName") == ["ada"]
    assert (await ada("GET", "/data?list-type=2&fetch-owner=true")).texts("Contents/Owner/ID") == ["ada"]
    assert (await ada("PUT", "/data/k?acl", (await ada("GET", "/data/k?acl")).body)).status == 200


FOREIGN = [
    ("GET", "/data", None),
    ("HEAD", "/data", None),
    ("GET", "/data?versions", None),
    ("GET", "/data?location", None),
    ("GET", "/data/k", None),
    ("HEAD", "/data/k", None),
    ("PUT", "/data/k", b"y"),
    ("DELETE", "/data/k", None),
    ("POST", "/data?delete", b"<Delete><Object><Key>k</Key></Object></Delete>"),
    ("POST", "/data/k?uploads", None),
    ("PUT", "/data?versioning", ENABLED),
    ("DELETE", "/data?tagging", None),
    ("DELETE", "/data", None),
]


@pytest.mark.parametrize(("method", "target", "body"), FOREIGN)
async def test_anothers_bucket_is_403_for_everything(world: World, method, target, body) -> None:
    ada, bob = await world.account("ada"), await world.account("bob")
    await ada("PUT", "/data")
    await ada("PUT", "/data/k", b"x")
    for stranger in (bob, world.of(None)):
        answer = await stranger(method, target, body)
        assert answer.status == 403
        assert method == "HEAD" or answer.code == "AccessDenied"
    assert (await ada("GET", "/data/k")).body == b"x"
    assert (await bob("PUT", "/mine")).status == 200
    assert (await bob("PUT", "/mine/k", None, {"x-amz-copy-source": "data/k"})).code == "AccessDenied"


async def test_who_brings_no_credentials_learns_only_what_is_not_there(world: World) -> None:
    nobody = world.of(None)
    for method, target in (("GET", "/none"), ("GET", "/none/k"), ("DELETE", "/none/k"), ("PUT", "/none/k")):
        assert (await nobody(method, target)).code == "NoSuchBucket"
    assert (await nobody("GET", "/?")).code == "AccessDenied"
    assert (await nobody("PUT", "/none")).code == "AccessDenied"


@pytest.mark.parametrize("level", [AccessLevel.READ, AccessLevel.WRITE, AccessLevel.ADMIN])
async def test_each_level_holds_those_below_it(world: World, level: AccessLevel) -> None:
    ada = await world.account("ada")
    await ada("PUT", "/data")
    await ada("PUT", "/data/k", b"x")
    bob = await world.account("bob", data=level)
    assert (await bob("GET", "/?")).texts("Buckets/Bucket/Name") == ["data"]
    assert (await bob("GET", "/data/k")).body == b"x"
    assert (await bob("PUT", "/data")).status == 200
    may_write, may_change = level >= AccessLevel.WRITE, level >= AccessLevel.ADMIN
    assert (await bob("PUT", "/data/new", b"y")).code == ("" if may_write else "AccessDenied")
    assert (await bob("DELETE", "/data/new")).code == ("" if may_write else "AccessDenied")
    assert (await bob("PUT", "/dev.data")).code == ("" if may_write else "AccessDenied")
    assert (await bob("PUT", "/data?versioning", ENABLED)).code == ("" if may_change else "AccessDenied")
    removed = "" if may_change else "AccessDenied" if may_write else "NoSuchBucket"
    assert (await bob("DELETE", "/dev.data")).code == removed
    assert (await bob("GET", "/data?acl")).texts("Owner/ID") == ["ada"]


async def test_a_grant_on_every_repo_is_an_operators(world: World) -> None:
    ada = await world.account("ada")
    root = world.of(await accounts.create(world.store, "root", [Access("", "*", AccessLevel.ADMIN)]))
    await ada("PUT", "/data")
    assert (await root("GET", "/?")).texts("Buckets/Bucket/Name") == ["data"]
    assert (await root("PUT", "/data/k", b"x")).status == 200
    assert (await root("DELETE", "/data/k")).status == 204
    assert (await root("DELETE", "/data")).status == 204


async def test_a_token_that_reads_can_nothing_else(world: World) -> None:
    ada = await world.account("ada")
    for name in ("data", "other"):
        await ada("PUT", f"/{name}")
        await ada("PUT", f"/{name}/k", b"x")
    reader = world.of(await accounts.issue(world.store, "ada", reads=[("default", "data")]))
    assert (await reader("GET", "/?")).texts("Buckets/Bucket/Name") == ["data"]
    assert (await reader("GET", "/data/k")).body == b"x"
    for method, target in (("PUT", "/data/k"), ("GET", "/other/k"), ("PUT", "/new"), ("DELETE", "/data")):
        assert (await reader(method, target)).code == "AccessDenied"
    assert (await reader("PUT", "/other")).code == "BucketAlreadyExists"


async def test_commits_are_seen_by_who_may_read_their_repo(world: World) -> None:
    ada, bob = await world.account("ada"), await world.account("bob")
    await ada("PUT", "/data")
    async with open_change(world.store, "default", "data", "master") as change:
        await change.put(b"k", Body(b"x"), NO_ATTRIBUTES)
        commit, _ = await change.commit()
    name = f"{commit.id[:12]}.master.data"
    assert (await ada("GET", f"/{name}/k")).body == b"x"
    assert (await bob("GET", f"/{name}/k")).code == "AccessDenied"
    assert (await ada("GET", f"/{name}?acl")).texts("Owner/ID") == ["ada"]


class Held:
    """Lets something else happen before the next transaction of a store."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, before: Callable[[], Awaitable[object]]) -> None:
        write = store.writer.write

        async def after(function: Any, **options: Any) -> Any:
            monkeypatch.undo()
            await before()
            return await write(function, **options)

        monkeypatch.setattr(type(store.writer), "write", lambda _self, function, **options: after(function, **options))


async def test_a_bucket_that_became_anothers_meanwhile_is_not_deleted(world: World, monkeypatch) -> None:
    ada, bob = await world.account("ada"), await world.account("bob")
    await ada("PUT", "/data")

    async def change_hands() -> None:
        assert (await ada("DELETE", "/data")).status == 204
        assert (await bob("PUT", "/data")).status == 200

    Held(world.store, monkeypatch, change_hands)
    assert (await ada("DELETE", "/data")).code == "AccessDenied"
    assert (await bob("GET", "/?")).texts("Buckets/Bucket/Name") == ["data"]


async def test_an_account_that_was_revoked_meanwhile_makes_nothing(world: World, monkeypatch) -> None:
    ada = await world.account("ada")
    Held(world.store, monkeypatch, lambda: accounts.revoke(world.store, "ada"))
    assert (await ada("PUT", "/data")).code == "AccessDenied"
    assert world.store.catalog.db.execute("SELECT count(*) FROM repo").fetchone() == (0,)
