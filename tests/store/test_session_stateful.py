from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from runner.model.entry import Condition
from runner.model.job import JobState
from runner.store.history import commits
from runner.store.jobs import jobs
from runner.store.refusals import PreconditionFailed
from runner.store.view import CompletedPart
from tests.store.machine import StoreMachine
from tests.store.world import NO_ATTRIBUTES, Body, list_all, open_session, read_all

keys = st.sampled_from([b"a", b"a/", b"a/b", b"a/c", "é".encode(), b"\x00", "\U0010ffff".encode()])
sizes = st.sampled_from([0, 1, 2, 200_000])  # small ones lie in packs


class JobSessionMachine(StoreMachine):
    """A job against two dicts: what earlier attempts left, and what the present one sees."""

    def last_look(self) -> None:
        if hasattr(self, "session"):
            self.call(self.session.aclose)

    @initialize()
    def start(self) -> None:
        self.published = 0
        self.begin()

    @precondition(lambda self: self.is_over)
    @rule()
    def begin(self) -> None:
        self.left: dict[bytes, bytes] = {}
        self.tries = 0
        self.is_over = False
        self.session = self.call(open_session, self.store)
        self.open_attempt()

    def open_attempt(self) -> None:
        self.tries += 1
        self.seen = dict(self.left)
        self.attempt = self.call(self.session.open_attempt, "d" * 64, self.tries)
        self.out = self.attempt.buckets["out"]

    @precondition(lambda self: not self.is_over)
    @rule(key=keys, size=sizes)
    def put(self, key, size) -> None:
        value = b"x" * size
        self.call(self.out.put, key, Body(value), NO_ATTRIBUTES)
        self.seen[key] = value

    @precondition(lambda self: not self.is_over)
    @rule(key=keys, size=sizes)
    def create(self, key, size) -> None:
        value = b"x" * size
        try:
            self.call(self.out.put, key, Body(value), NO_ATTRIBUTES, Condition(if_none_match=("*",)))
        except PreconditionFailed:
            assert key in self.seen
        else:
            assert key not in self.seen
            self.seen[key] = value

    @precondition(lambda self: not self.is_over)
    @rule(key=keys)
    def delete(self, key) -> None:
        self.call(self.out.delete, key)
        self.seen.pop(key, None)

    @precondition(lambda self: not self.is_over and self.seen)
    @rule(data=st.data(), key=keys)
    def copy(self, data, key) -> None:
        source = data.draw(st.sampled_from(sorted(self.seen)))
        self.call(self.out.copy, key, self.call(self.out.get, source), NO_ATTRIBUTES)
        self.seen[key] = self.seen[source]

    @precondition(lambda self: not self.is_over)
    @rule(key=keys, size=sizes)
    def upload(self, key, size) -> None:
        value = b"x" * size
        upload = self.call(self.out.create_upload, key, NO_ATTRIBUTES)
        part = self.call(self.out.put_part, upload, 1, Body(value))
        self.call(self.out.complete_upload, upload, [CompletedPart(1, part.etag)])
        self.seen[key] = value

    @precondition(lambda self: not self.is_over)
    @rule(keep=st.booleans())
    def close(self, keep) -> None:
        self.call(self._close, keep)
        if keep:
            self.left = self.seen
        self.open_attempt()

    async def _close(self, keep) -> None:
        await self.attempt.close(keep=keep, exit=None, reason="" if keep else "failed")

    @precondition(lambda self: not self.is_over)
    @rule(keep=st.booleans())
    def commit(self, keep) -> None:
        self.call(self._close, keep)
        expected = self.seen if keep else self.left
        commit = self.call(self._commit)
        assert (commit.objects, commit.size_bytes) == (len(expected), sum(map(len, expected.values())))
        assert self.call(self._content, commit) == expected
        self.published += 1
        self.is_over = True

    async def _commit(self):
        await self.session.seal()
        return await self.session.commit({})

    async def _content(self, commit) -> dict[bytes, bytes]:
        from runner.store.files import bucket_of

        bucket = bucket_of(self.store, commit)
        return {key: await read_all(await bucket.get(key)) for key in await list_all(bucket, limit=2)}

    @precondition(lambda self: not self.is_over)
    @rule()
    def abandon(self) -> None:
        self.call(self.session.abandon, JobState.FAILURE, "failed", 1)
        left = self.call(jobs.quarantined, self.store, self.session.key)
        assert (0 if left is None else left.objects) == len(self.seen)
        assert len(self.call(commits.list_commits, self.store, "default", "double")) == self.published
        self.is_over = True

    @invariant()
    def out_holds_what_was_seen(self) -> None:
        if hasattr(self, "session") and not self.is_over:
            assert self.call(list_all, self.out, b"", b"", 2) == sorted(self.seen)
            for key, value in self.seen.items():
                assert self.call(self._read, key) == value

    async def _read(self, key) -> bytes:
        return await read_all(await self.out.get(key))


TestJobSession = JobSessionMachine.TestCase
TestJobSession.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
