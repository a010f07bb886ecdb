"""A commit makes the jobs that depend on it, and workers take them one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from runner.model.job import JobState
from runner.model.pipeline import Pipeline
from runner.model.provenance import SCHEMA
from runner.spec.effective import pipeline_of
from runner.store import Store, open_store, settle
from runner.store.check import check_store
from runner.store.history import commits
from runner.store.jobs import jobs, pipelines
from runner.store.jobs.pipelines import PipelineWatched
from runner.store.pipelines import registry
from runner.store.sessions.begin import take_job
from runner.store.sessions.sessions import JobSession
from runner.store.writing import branches
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, commit_objects


def pipeline(name: str, *inputs: str) -> Pipeline:
    """Return a pipeline that reads the branches ``master`` of some repos."""
    leaves = [
        {"pfs": {"repo": repo, "name": repo, "branch": "master", "glob": "/", "s3": True, "project": "default"}}
        for repo in inputs
    ]
    return pipeline_of(
        {
            "pipeline": {"name": name, "project": {"name": "default"}},
            "input": leaves[0] if len(leaves) == 1 else {"cross": leaves},
            "transform": {"cmd": ["true"]},
            "s3Out": True,
            "outputBranch": "master",
        }
    )


async def watch(store: Store, *watched: Pipeline) -> list[int]:
    for each in watched:
        await registry.watch(store, each)
    return [pipelines.require(store.catalog.db, each.project, each.name) for each in watched]


async def states(store: Store) -> dict[str, list[JobState]]:
    """Return the states of all jobs by pipeline, the oldest first."""
    found: dict[str, list[JobState]] = {}
    for job in reversed(await jobs.list_jobs(store, "default")):
        found.setdefault(job.key.pipeline, []).append(job.state)
    return found


async def succeed(session: JobSession, body: bytes = b"out") -> None:
    await session.start()
    attempt = await session.open_attempt(DATUM, 1)
    await (await attempt.view.get_bucket("out")).put(b"k", Body(body), NO_ATTRIBUTES)
    await attempt.close(keep=True, exit=None, reason="")
    await session.seal()
    output = {"commit": session.key.id, "digest": (await session.summary()).digest.hex()}
    await session.commit({"schema": SCHEMA, "output": output})


async def run_all(store: Store, numbers: list[int]) -> list[str]:
    """Run every job that can start, one after the other; return their pipelines in that order."""
    ran = []
    while (taken := await take_job(store, numbers)) is not None:
        session, of = taken
        async with session:
            await succeed(session)
        ran.append(of.name)
    return ran


async def test_a_commit_makes_one_job_of_each_pipeline_downstream_under_its_own_id(store):
    numbers = await watch(store, pipeline("a", "data"), pipeline("b", "a"), pipeline("c", "b"))
    assert await states(store) == {}
    commit = await commit_objects(store, {b"x": b"1"})
    assert await states(store) == {name: [JobState.CREATED] for name in "abc"}
    assert {job.key.id for job in await jobs.list_jobs(store, "default")} == {commit.id}
    assert await run_all(store, numbers) == ["a", "b", "c"]
    assert (await commits.list_commits(store, "default", "c"))[0].id == commit.id
    assert store.catalog.db.execute("SELECT count(*) FROM queue").fetchone() == (0,)


async def test_a_diamond_runs_once_after_both(store):
    numbers = await watch(store, pipeline("l", "data"), pipeline("r", "data"), pipeline("end", "l", "r"))
    await commit_objects(store, {b"x": b"1"})
    ran = await run_all(store, numbers)
    assert (sorted(ran[:2]), ran[2:]) == (["l", "r"], ["end"])
    await commit_objects(store, {b"x": b"2"})
    assert len(await run_all(store, numbers)) == 3


async def test_other_inputs_are_taken_as_they_are_and_none_runs_while_one_holds_nothing(store):
    numbers = await watch(store, pipeline("a", "data", "other"), pipeline("b", "a"))
    await commit_objects(store, {b"x": b"1"})
    assert await states(store) == {}
    other = await commit_objects(store, {b"y": b"1"}, repo="other")
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert {each.repo: each.commit == other.id for each in job.inputs} == {"data": False, "other": True}
    assert await run_all(store, numbers) == ["a", "b"]


async def test_a_new_pipeline_has_a_job_of_what_is_there_and_it_runs_by_the_newest_spec(store):
    await commit_objects(store, {b"x": b"1"})
    await watch(store, pipeline("a", "data"))
    await watch(store, pipeline("a", "data"))
    assert await states(store) == {"a": [JobState.CREATED]}
    changed = pipeline("a", "data")
    changed = pipeline_of({**changed.spec, "description": "another"})
    await watch(store, changed)
    (waits,) = await jobs.list_jobs(store, "default", "a")
    assert (waits.state, waits.version) == (JobState.CREATED, 2)


async def test_a_run_of_another_spec_goes_to_another_branch_and_changes_nothing_for_workers(store):
    watched = pipeline("a", "data")
    await watch(store, watched)
    other = pipeline_of({**watched.spec, "description": "another"})
    with pytest.raises(PipelineWatched):
        await pipelines.register_run(store, other)
    assert await pipelines.register_run(store, watched) == 1
    assert await pipelines.register_run(store, replace(other, output_branch="trial")) == 2
    await commit_objects(store, {b"x": b"1"})
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert job.version == 1


async def test_what_failed_leaves_those_behind_it_unrunnable(store):
    numbers = await watch(store, pipeline("a", "data"), pipeline("b", "a"), pipeline("c", "b"), pipeline("d", "data"))
    await commit_objects(store, {b"x": b"1"})
    taken = await take_job(store, numbers)
    assert taken is not None
    async with taken[0] as session:
        await session.start()
        await session.abandon(JobState.FAILURE, "it failed", 1)
    assert await states(store) == {
        "a": [JobState.FAILURE],
        "b": [JobState.UNRUNNABLE],
        "c": [JobState.UNRUNNABLE],
        "d": [JobState.CREATED],
    }
    (job,) = await jobs.list_jobs(store, "default", "c")
    assert (job.status, "will not come" in job.reason) == (3, True)
    assert await run_all(store, numbers) == ["d"]


async def test_jobs_of_a_branch_run_one_at_a_time_in_their_order(store):
    numbers = await watch(store, pipeline("a", "data"))
    ids = [(await commit_objects(store, {b"x": b"%d" % n})).id for n in range(3)]
    for expected in ids:
        taken = await take_job(store, numbers)
        assert taken is not None
        async with taken[0] as session:
            assert session.key.id == expected
            assert await take_job(store, numbers) is None
            await succeed(session)
    assert [each.id for each in await commits.list_commits(store, "default", "a")] == ids[::-1]


async def test_many_workers_take_every_job_once(store):
    numbers = await watch(store, *(pipeline(f"p{n}", "data") for n in range(8)))
    await commit_objects(store, {b"x": b"1"})
    ran: list[str] = []

    async def work() -> None:
        ran.extend(await run_all(store, numbers))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(work)
    assert sorted(ran) == [f"p{n}" for n in range(8)]


async def test_a_job_that_is_given_back_begins_anew(store):
    numbers = await watch(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    taken = await take_job(store, numbers)
    assert taken is not None
    async with taken[0] as session:
        await session.start()
        attempt = await session.open_attempt(DATUM, 1)
        await (await attempt.view.get_bucket("out")).put(b"half", Body(b"x"), NO_ATTRIBUTES)
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert (job.state, job.restarts, job.started) == (JobState.CREATED, 1, None)
    assert await jobs.attempts(store, job.key) == []
    assert await run_all(store, numbers) == ["a"]
    commit = await jobs.output(store, job.key)
    assert commit is not None
    assert commit.objects == 1
    await settle.settle(store)
    assert (await check_store(store)).problems == []


async def test_the_job_of_a_dead_worker_waits_for_another(tmp_path):
    async with open_store(tmp_path / "s") as store:
        numbers = await watch(store, pipeline("a", "data"), pipeline("b", "a"))
        await commit_objects(store, {b"x": b"1"})
        taken = await take_job(store, numbers)
        assert taken is not None
        session, _ = taken
        await session.start()
        await session.open_attempt(DATUM, 1)
        await session.owner.release()  # as that of a dead process is
        await settle.settle(store)
        assert await states(store) == {"a": [JobState.CREATED], "b": [JobState.CREATED]}
        assert await run_all(store, numbers) == ["a", "b"]
    async with open_store(tmp_path / "s") as store:
        assert (await check_store(store)).problems == []


async def test_a_branch_that_begins_at_a_commit_is_a_move_too(store):
    base = pipeline("a", "data")
    spec = {**base.spec, "input": {"pfs": {**base.spec["input"]["pfs"], "branch": "v1"}}}
    numbers = await watch(store, pipeline_of(spec))
    commit = await commit_objects(store, {b"x": b"1"})
    assert await states(store) == {}
    await branches.create(store, "default", "data", "v1", commit.id)
    assert await run_all(store, numbers) == ["a"]


async def test_whoever_listens_hears_of_a_commit(store):
    async with store.hints.listen() as one, store.hints.listen() as other:
        await commit_objects(store, {b"x": b"1"})
        with trio.fail_after(5):
            await one.wait()
            await other.wait()
        with trio.move_on_after(0.05) as silence:
            await one.wait()
        assert silence.cancelled_caught
    assert list((store.folder / "events").glob("*")) == []
