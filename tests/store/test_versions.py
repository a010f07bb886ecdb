"""S3's versions of a branch against a plain model, whatever else is done to the branch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from runner.store.buckets.storeview import StoreView
from runner.store.check import check_store
from runner.store.history.staged import BranchKey
from runner.store.refusals import NoSuchKey, NoSuchVersion, VersionIsMarker
from runner.store.view import ObjectVersion, Versioning
from runner.store.writing import closing
from runner.store.writing.bursts import BurstSettings, open_bursts
from runner.store.writing.changes import open_change
from tests.store.machine import StoreMachine
from tests.store.world import NO_ATTRIBUTES, Body, read_all

keys = st.sampled_from([b"a", b"b/c", b"b/d", b"e"])
NEVER = BurstSettings(idle_seconds=1e9, max_seconds=1e9)  # bursts end where a rule ends them
bodies = st.sampled_from([b"", b"1", b"22", b"333"])


class VersionsMachine(StoreMachine):
    """A bucket against S3's own words: of each key its versions, the newest first; None is a delete marker.

    What is written beside S3 is the null version for as long as the branch holds it; the next request to the key makes
    a version of it that stays. *noted* is what has stayed.
    """

    def __init__(self) -> None:
        self.kept: dict[bytes, list[tuple[str, bytes | None]]] = {}
        self.noted: dict[bytes, list[tuple[str, bytes | None]]] = {}
        self.state: Versioning | None = None
        super().__init__()

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        async with open_bursts(self.store, NEVER) as self.bursts:
            view = StoreView(self.store, self.bursts, project="default")
            self.bucket = await view.create_bucket("data")
            (self.repo,) = self.store.catalog.db.execute("SELECT id FROM repo").fetchone()
            yield

    def last_look(self) -> None:
        assert self.call(check_store, self.store).problems == []

    def write(self, key: bytes, version: str, body: bytes | None) -> None:
        older = [each for each in self.kept.get(key, []) if version != "null" or each[0] != "null"]
        self.kept[key] = [(version, body), *older]

    def remove(self, key: bytes, version: str) -> None:
        self.kept[key] = [each for each in self.kept.get(key, []) if each[0] != version]

    def note(self, key: bytes) -> None:
        if self.state is not None:
            self.noted[key] = self.kept.get(key, [])

    @rule(state=st.sampled_from(list(Versioning)))
    def set_versioning(self, state) -> None:
        self.call(self.bucket.set_versioning, state)
        self.state = state

    @rule(key=keys, body=bodies)
    def put(self, key, body) -> None:
        entry = self.call(self.bucket.put, key, Body(body), NO_ATTRIBUTES)
        assert (entry.version == "") == (self.state is None)
        self.write(key, entry.version or "null", body)
        self.note(key)

    @rule(key=keys)
    def delete(self, key) -> None:
        deletion = self.call(self.bucket.delete, key)
        assert deletion.is_marker == (self.state is not None)
        if deletion.is_marker:
            self.write(key, deletion.version, None)
        else:
            self.remove(key, "null")
        self.note(key)

    @rule(key=keys, data=st.data())
    def delete_version(self, key, data) -> None:
        version = data.draw(st.sampled_from([version for version, _ in self.kept.get(key, [])] or ["null"]))
        self.call(self._delete_version, key, version)
        self.remove(key, version)
        self.note(key)

    async def _delete_version(self, key, version) -> None:
        await self.bucket.delete(key, version=version)

    @rule()
    def close_burst(self) -> None:
        self.call(closing.close, self.store, BranchKey(self.repo, "master"), self.bursts.owner)

    @rule(key=keys, body=st.one_of(st.none(), bodies))
    def commit_beside_s3(self, key, body) -> None:
        self.close_burst()
        before, noted = self.kept.get(key, []), self.noted.get(key, [])
        is_new = self.call(self._commit, key, body)
        if body is not None and is_new:
            self.kept[key] = noted
            self.write(key, "null", body)
        elif body is None and before and before[0][1] is not None:
            self.kept[key] = noted
            if noted and noted[0][1] is not None:
                self.write(key, "null", None)

    async def _commit(self, key, body) -> bool:
        async with open_change(self.store, "default", "data", "master") as change:
            if body is None:
                await change.delete(key)
            else:
                await change.put(key, Body(body), NO_ATTRIBUTES)
            _, is_new = await change.commit()
        return is_new

    @invariant()
    def what_is_shown_is_what_the_model_says(self) -> None:
        self.call(self._compare, 1000)
        self.call(self._compare, 2)

    async def _list(self, limit, prefix=b"") -> list[ObjectVersion]:
        shown, after = [], (b"", "")
        while after is not None:
            page = await self.bucket.list_versions(prefix, b"", *after, limit)
            shown += page.items
            after = page.next_after
        return shown

    async def _compare(self, limit) -> None:
        shown = await self._list(limit)
        assert all(isinstance(item, ObjectVersion) for item in shown)
        expected = [
            (key, version, number == 0, body is None)
            for key in sorted(self.kept)
            for number, (version, body) in enumerate(self.kept[key])
        ]
        assert [(item.key, item.id, item.is_latest, item.entry is None) for item in shown] == expected
        for key, versions in self.kept.items():
            assert await self._read(key) == (versions[0][1] if versions else None)
            for version, body in versions:
                assert await self._read(key, version) == body

    async def _read(self, key, version="") -> bytes | None:
        try:
            return await read_all(await self.bucket.get(key, version))
        except (NoSuchKey, NoSuchVersion, VersionIsMarker):
            return None


TestVersions = VersionsMachine.TestCase
TestVersions.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
