"""Pipelines are registered, changed, stopped, started and removed; their jobs follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trio

from runner.model.job import JobState
from runner.model.pipeline import Pipeline, PipelineState
from runner.spec.effective import pipeline_of
from runner.store import Store, settle
from runner.store.check import check_store
from runner.store.history import commits, repos
from runner.store.history.repos import NoSuchRepo
from runner.store.jobs import jobs, pipelines, stops
from runner.store.jobs.pipelines import NoSuchPipeline
from runner.store.jobs.stops import JobStopped, Wish
from runner.store.jobs.triggers import UPDATED
from runner.store.pipelines import control, deletion, registry
from runner.store.sessions import begin
from runner.store.sessions.begin import take_job
from runner.store.writing import branches
from tests.store.test_triggers import pipeline, run_all, states, succeed
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, commit_objects

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def changed(before: Pipeline, **fields: object) -> Pipeline:
    return pipeline_of({**before.spec, "description": "another", **fields})


async def numbers_of(store: Store, *names: str) -> list[int]:
    return [pipelines.require(store.catalog.db, "default", name) for name in names]


async def take(store: Store, name: str):
    taken = await take_job(store, await numbers_of(store, name))
    assert taken is not None
    return taken


async def test_a_pipeline_is_created_once_with_a_job_of_what_is_there(store):
    with pytest.raises(NoSuchRepo):
        await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    made = await registry.create(store, pipeline("a", "data"))
    assert (made.version, made.state) == (1, PipelineState.RUNNING)
    assert await states(store) == {"a": [JobState.CREATED]}
    with pytest.raises(registry.PipelineExists):
        await registry.create(store, pipeline("a", "data"))
    assert (await branches.inspect(store, "default", "a", "master")).head is None


async def test_a_repo_of_clients_is_no_output_of_a_pipeline(store):
    await commit_objects(store, {b"x": b"1"})
    await commit_objects(store, {b"x": b"1"}, repo="a")
    with pytest.raises(registry.OutputTaken):
        await registry.create(store, pipeline("a", "data"))
    with pytest.raises(NoSuchPipeline):
        await pipelines.inspect(store, "default", "a")


async def test_a_pipeline_that_would_read_its_own_output_is_refused(store):
    await registry.watch(store, pipeline("a", "b"))
    await registry.watch(store, pipeline("c", "a"))
    with pytest.raises(registry.WouldLoop, match="by way of c"):
        await registry.watch(store, pipeline("b", "c"))


async def test_what_was_only_run_by_hand_is_not_registered(store):
    await pipelines.register(store, pipeline("a", "data"))
    assert (await pipelines.inspect(store, "default", "a")).state is None
    for refused in (registry.stop, registry.start):
        with pytest.raises(registry.NotRegistered):
            await refused(store, "default", "a")
    with pytest.raises(registry.NotRegistered):
        await registry.run(store, "default", "a", NOW)
    with pytest.raises(registry.NotRegistered):
        await registry.update(store, pipeline("a", "data"))


async def test_a_waiting_job_runs_by_the_new_spec_under_its_id(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    commit = await commit_objects(store, {b"x": b"1"})
    updated = await registry.update(store, changed(pipeline("a", "data")))
    assert updated.version == 2
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert (job.key.id, job.version, job.state) == (commit.id, 2, JobState.CREATED)
    session, of = await take(store, "a")
    async with session:
        assert of.description == "another"


async def test_a_job_under_way_begins_anew_by_the_new_spec_and_the_old_one_can_seal_nothing(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await registry.create(store, pipeline("b", "a"))
    commit = await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    async with session:
        await session.start()
        attempt = await session.open_attempt(DATUM, 1)
        await (await attempt.view.get_bucket("out")).put(b"old", Body(b"x"), NO_ATTRIBUTES)
        await attempt.close(keep=True, exit=None, reason="")
        await registry.update(store, changed(pipeline("a", "data")))
        with pytest.raises(JobStopped):
            await session.open_attempt(DATUM, 2)
        with pytest.raises(JobStopped):
            await session.seal()
        await session.abandon(JobState.FAILURE, "it failed", 1)
    (job,) = await jobs.list_jobs(store, "default", "a")
    assert (job.key.id, job.version, job.state, job.restarts) == (commit.id, 2, JobState.CREATED, 1)
    assert await run_all(store, await numbers_of(store, "a", "b")) == ["a", "b"]
    assert {job.key.id for job in await jobs.list_jobs(store, "default")} == {commit.id}
    await settle.settle(store)
    assert (await check_store(store)).problems == []


async def test_a_sealed_job_stays_and_the_new_spec_has_its_own(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    async with session:
        await session.start()
        await session.seal()
        await registry.update(store, changed(pipeline("a", "data")))
        await session.commit({"schema": "s", "output": {"commit": session.key.id, "digest": session.key.id}})
    newer, older = await jobs.list_jobs(store, "default", "a")
    assert [(each.version, each.state) for each in (older, newer)] == [(1, JobState.SUCCESS), (2, JobState.CREATED)]


async def test_a_new_input_that_holds_nothing_ends_the_jobs_that_wait(store):
    await repos.create(store, "default", "data")
    await repos.create(store, "default", "other")
    await registry.create(store, pipeline("a", "data"))
    await registry.create(store, pipeline("b", "a"))
    await commit_objects(store, {b"x": b"1"})
    await registry.update(store, pipeline("a", "data", "other"))
    assert await states(store) == {"a": [JobState.KILLED], "b": [JobState.UNRUNNABLE]}
    assert (await jobs.list_jobs(store, "default", "a"))[0].reason == UPDATED
    await commit_objects(store, {b"y": b"1"}, repo="other")
    assert (await states(store))["a"] == [JobState.KILLED, JobState.CREATED]


async def test_a_run_by_hand_of_the_old_spec_ends_for_pachyderms_reason(store):
    commit = await commit_objects(store, {b"x": b"1"})
    old = pipeline("a", "data")
    await registry.create(store, old)
    await run_all(store, await numbers_of(store, "a"))
    inputs = (await jobs.list_jobs(store, "default", "a"))[0].inputs
    assert inputs[0].commit == commit.id
    async with await begin.open_job(store, old, version=1, inputs=inputs) as session:
        await session.start()
        await registry.update(store, changed(old))
        with pytest.raises(JobStopped):
            await session.seal()
    job = await jobs.inspect(store, session.key)
    assert (job.state, job.reason, job.status) == (JobState.KILLED, UPDATED, 143)


async def test_an_update_keeps_the_salt_and_reprocess_draws_another(store):
    await repos.create(store, "default", "data")
    spec = pipeline("a", "data")
    await registry.create(store, spec)
    assert (await registry.update(store, spec, reprocess=True)).version == 2
    salt = (await pipelines.spec_of(store, "default", "a", 2))["salt"]
    assert (await registry.update(store, spec)).version == 2
    assert (await registry.watch(store, spec)).version == 2
    assert (await registry.update(store, changed(spec))).version == 3
    assert (await pipelines.spec_of(store, "default", "a", 3))["salt"] == salt
    assert (await registry.update(store, changed(spec), reprocess=True)).version == 4
    assert (await pipelines.spec_of(store, "default", "a", 4))["salt"] != salt
    assert await pipelines.register_run(store, changed(spec)) == 4


async def test_a_stopped_pipeline_has_no_jobs_until_it_is_started(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await registry.create(store, pipeline("b", "a"))
    first = await commit_objects(store, {b"x": b"1"})
    await registry.stop(store, "default", "a")
    assert (await pipelines.inspect(store, "default", "a")).state is PipelineState.PAUSED
    assert await run_all(store, await numbers_of(store, "a", "b")) == []
    await commit_objects(store, {b"x": b"2"})
    assert await states(store) == {"a": [JobState.CREATED], "b": [JobState.CREATED]}
    with pytest.raises(registry.PipelineStopped):
        await registry.run(store, "default", "a", NOW)
    await registry.start(store, "default", "a")
    assert await run_all(store, await numbers_of(store, "a", "b")) == ["a", "b", "a", "b"]
    assert (await jobs.list_jobs(store, "default", "a"))[-1].key.id == first.id
    await registry.stop(store, "default", "a")
    await registry.start(store, "default", "a")
    assert (await states(store))["a"] == [JobState.SUCCESS] * 2


async def test_a_worker_that_begins_again_leaves_a_stopped_pipeline_stopped(store):
    await registry.watch(store, pipeline("a", "data"))
    await registry.stop(store, "default", "a")
    await registry.watch(store, changed(pipeline("a", "data")))
    assert (await pipelines.inspect(store, "default", "a")).state is PipelineState.PAUSED


async def test_a_run_makes_a_job_of_heads_with_an_id_of_its_own(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    with pytest.raises(registry.InputEmpty, match="data@master"):
        await registry.run(store, "default", "a", NOW)
    commit = await commit_objects(store, {b"x": b"1"})
    key = await registry.run(store, "default", "a", NOW)
    job = await jobs.inspect(store, key)
    assert (job.inputs[0].commit, key.id != commit.id) == (commit.id, True)
    assert (await states(store))["a"] == [JobState.CREATED] * 2


async def test_a_waiting_job_that_is_stopped_has_ended_and_those_behind_it_cannot_run(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await registry.create(store, pipeline("b", "a"))
    await commit_objects(store, {b"x": b"1"})
    (job,) = await jobs.list_jobs(store, "default", "a")
    await control.stop(store, job.key)
    job = await jobs.inspect(store, job.key)
    assert (job.state, job.reason, job.status) == (JobState.KILLED, "job stopped", 143)
    assert (await states(store))["b"] == [JobState.UNRUNNABLE]
    with pytest.raises(registry.InputEmpty, match=f"a@{job.key.id} is not there"):
        await registry.rerun(store, replace(job.key, pipeline="b"))
    with pytest.raises(control.JobEnded):
        await control.stop(store, job.key)


@pytest.mark.parametrize("is_dead", [False, True])
async def test_a_job_under_way_that_is_stopped_ends_so_whatever_becomes_of_its_runner(store, is_dead):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    await session.start()
    if is_dead:
        await session.owner.release()  # as that of a dead process is
    await control.stop(store, session.key)
    if not is_dead:
        assert session.job.state is JobState.RUNNING
        assert stops.find(store.catalog.db, session._number) == Wish("job stopped", is_anew=False)
        await session.give_back()
    assert (session.job.state, session.job.reason, session.job.status) == (JobState.KILLED, "job stopped", 143)
    assert store.catalog.db.execute("SELECT count(*) FROM stop").fetchone() == (0,)
    await session.aclose()


async def test_a_stop_for_good_is_not_taken_back_by_an_update(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    async with session:
        await session.start()
        await control.stop(store, session.key)
        await registry.update(store, changed(pipeline("a", "data")))
    assert (session.job.state, session.job.reason) == (JobState.KILLED, "job stopped")


async def test_a_job_that_copies_its_output_elsewhere_is_not_sealed_and_can_be_stopped(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    async with session:
        await session.start()
        await session.begin_egress()
        await control.stop(store, session.key)
        with pytest.raises(JobStopped):
            await session.seal()
    assert session.job.state is JobState.KILLED


async def test_a_sealed_job_cannot_be_stopped(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    async with session:
        await session.start()
        await session.seal()
        with pytest.raises(control.JobEnded, match="sealed"):
            await control.stop(store, session.key)


async def test_a_pipeline_is_deleted_with_its_jobs_and_repo_once_nobody_reads_it(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await registry.create(store, pipeline("b", "a"))
    await commit_objects(store, {b"x": b"1"})
    await run_all(store, await numbers_of(store, "a"))
    with pytest.raises(deletion.PipelineRead, match="b read"):
        await deletion.delete(store, "default", "a")
    await deletion.delete(store, "default", "b", keep_repo=True)
    await deletion.delete(store, "default", "a")
    assert await pipelines.list_pipelines(store, "default") == []
    assert await jobs.list_jobs(store, "default") == []
    assert {each.name for each in await repos.list_repos(store, "default")} == {"data", "b"}
    for table in ("job_input", "attempt", "observed", "queue", '"trigger"', "registration", "pipeline_version"):
        assert store.catalog.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    await settle.settle(store)
    assert (await check_store(store)).problems == []
    await registry.create(store, pipeline("b", "data"))


async def test_a_deletion_waits_for_the_job_under_way_to_end(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    await session.start()
    async with store.hints.listen() as news, trio.open_nursery() as nursery:
        nursery.start_soon(deletion.delete, store, "default", "a")
        while stops.find(store.catalog.db, session._number) is None:
            await news.wait()
        with pytest.raises(JobStopped):
            await session.seal()
        await session.aclose()
    with pytest.raises(NoSuchPipeline):
        await pipelines.inspect(store, "default", "a")


async def test_a_job_that_ended_is_removed_and_its_commit_stays(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await commit_objects(store, {b"x": b"1"})
    session, _ = await take(store, "a")
    async with session:
        with pytest.raises(control.JobGoesOn):
            await control.delete(store, session.key)
        await succeed(session)
    key = session.key
    await control.delete(store, key)
    assert await jobs.list_jobs(store, "default") == []
    assert (await commits.list_commits(store, "default", "a"))[0].id == key.id
    assert (await check_store(store)).problems == []


async def test_a_newer_job_that_can_run_supersedes_those_that_wait_before_it(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    await registry.create(store, pipeline("b", "a"))
    ids = [(await commit_objects(store, {b"x": b"%d" % n})).id for n in range(3)]
    taken = await take_job(store, await numbers_of(store, "a", "b"), coalesce=True)
    assert taken is not None
    async with taken[0] as session:
        assert session.key.id == ids[2]
        await succeed(session)
    assert (await states(store))["a"] == [JobState.KILLED] * 2 + [JobState.SUCCESS]
    killed = (await jobs.list_jobs(store, "default", "a"))[-1]
    assert killed.reason == f"superseded by the job {ids[2]}, of a newer commit"
    assert (await states(store))["b"] == [JobState.UNRUNNABLE] * 2 + [JobState.CREATED]


async def test_a_commit_that_does_not_propagate_makes_no_job(store):
    await repos.create(store, "default", "data")
    spec = pipeline("a", "data", "never")
    document = {**spec.spec, "input": {"cross": [{"pfs": dict(each["pfs"])} for each in spec.spec["input"]["cross"]]}}
    document["input"]["cross"][1]["pfs"]["propagationSpec"] = {"never": True}
    await repos.create(store, "default", "never")
    await registry.create(store, pipeline_of(document))
    await commit_objects(store, {b"x": b"1"})
    await commit_objects(store, {b"x": b"1"}, repo="never")
    assert await states(store) == {}
    await commit_objects(store, {b"x": b"2"})
    assert await states(store) == {"a": [JobState.CREATED]}


async def test_a_job_is_made_again_with_the_same_inputs_and_an_id_of_its_own(store):
    await repos.create(store, "default", "data")
    await registry.create(store, pipeline("a", "data"))
    first = await commit_objects(store, {b"x": b"1"})
    await commit_objects(store, {b"x": b"2"})
    await run_all(store, await numbers_of(store, "a"))
    old = (await jobs.list_jobs(store, "default", "a"))[-1]
    key = await registry.rerun(store, old.key)
    assert (await jobs.inspect(store, key)).inputs[0].commit == first.id
    assert key.id not in {first.id, old.key.id}
    assert await run_all(store, await numbers_of(store, "a")) == ["a"]
    await registry.stop(store, "default", "a")
    with pytest.raises(registry.PipelineStopped):
        await registry.rerun(store, key)
