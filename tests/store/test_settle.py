from __future__ import annotations

from runner.model.job import JobState
from runner.store import open_store
from runner.store.history import commits
from runner.store.jobs import jobs
from runner.store.settle import settle
from runner.store.writing import branches
from runner.store.writing.changes import open_change
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, commit_objects, open_session


async def die(session) -> None:
    """End a session as a kill does: its name is free, nothing else happens."""
    await session.owner.release()


async def begin(store, data=b"x"):
    session = await open_session(store)
    attempt = await session.open_attempt(DATUM, 1)
    await attempt.buckets["out"].put(b"k", Body(data), NO_ATTRIBUTES)
    return session, attempt


async def test_a_living_job_is_left_alone(store):
    session, _ = await begin(store)
    await settle(store)
    assert session.job.state == JobState.RUNNING
    await session.aclose()


async def test_a_job_that_died_before_its_seal_is_abandoned(store):
    session, _ = await begin(store)
    await die(session)
    await settle(store)
    job = await jobs.inspect(store, session.key)
    assert (job.state, job.reason, job.status) == (JobState.KILLED, "the runner died", 137)
    assert (await jobs.quarantined(store, session.key)).objects == 1
    assert (await branches.inspect(store, "default", "double", "master")).head is None


async def test_a_job_that_died_after_its_seal_is_committed_with_the_journalled_record(store):
    session, attempt = await begin(store)
    await attempt.close(keep=True, exit=None, reason="")
    await session.seal({"schema": "s", "command": ["true"], "output": {"branch": "master"}})
    digest = (await session.summary()).digest
    await die(session)
    await settle(store)
    await settle(store)
    commit = await jobs.output(store, session.key)
    assert commit.digest == digest
    assert await jobs.record(store, session.key) == {
        "schema": "s",
        "command": ["true"],
        "output": {"branch": "master", "commit": session.key.id, "digest": digest.hex(), "objects": 1, "bytes": 1},
    }
    assert (await jobs.inspect(store, session.key)).state == JobState.SUCCESS


async def test_a_sealed_job_whose_branch_is_gone_fails(store):
    session, attempt = await begin(store)
    await attempt.close(keep=True, exit=None, reason="")
    await session.seal()
    await branches.delete(store, "default", "double", "master")
    await die(session)
    await settle(store)
    job = await jobs.inspect(store, session.key)
    assert (job.state, job.status) == (JobState.FAILURE, 3)
    assert (await jobs.quarantined(store, session.key)).objects == 1


async def test_a_change_that_nobody_will_finish_is_removed_at_the_next_open(tmp_path):
    async with open_store(tmp_path) as store:
        await commit_objects(store, {b"a": b"1"})
        async with open_change(store, "default", "data", "master") as change:
            await change.put(b"b", Body(b"2"), NO_ATTRIBUTES)
            await settle(store)
            change._is_committed = True  # what a kill leaves: an open layer, and its lock free
    async with open_store(tmp_path) as store:
        assert store.catalog.db.execute("SELECT key FROM entry").fetchall() == [(b"a",)]
        assert len(await commits.list_commits(store, "default", "data")) == 1
    assert {path.name for path in (tmp_path / "locks").iterdir()} <= {"writer"}


async def test_large_leftovers_are_removed_in_slots(store, monkeypatch):
    monkeypatch.setattr("runner.store.settle._ROWS_PER_SLOT", 3)
    async with open_change(store, "default", "data", "master") as change:
        for number in range(10):
            await change.put(b"%d" % number, Body(b"x"), NO_ATTRIBUTES)
    await settle(store)
    assert store.catalog.db.execute("SELECT count(*) FROM entry").fetchone() == (0,)
    assert store.catalog.db.execute("SELECT count(*) FROM layer").fetchone() == (0,)
