"""The newest jobs of some pipelines and states, and how long they usually take, without a look at the others."""

from __future__ import annotations

import random

import pytest

from runner.model.ids import CommitId
from runner.model.job import JobKey, JobState
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE
from runner.store.jobs import jobs, newest, newjobs
from tests.store.plans import read_plans

_NONE = dict.fromkeys(("restarts", "created_us", *newjobs.COUNTERS), 0)


@pytest.fixture
async def rows(store):
    """Jobs of three pipelines, one of another project: number, pipeline, state."""
    chance = random.Random(7)
    made = []

    def write(tx):
        for name, project in (("a", "default"), ("b", "default"), ("c", "other")):
            query.insert(tx.db, "pipeline", {"project": project, "name": name, "created_us": 0})
        for number in range(1, 301):
            pipeline, state = chance.randint(1, 3), chance.choice([*JobState, JobState.SUCCESS, JobState.SUCCESS])
            columns = {"pipeline": pipeline, "uuid": f"{number:032x}", "version": 1, "state": JOB_STATE.code(state)}
            columns |= {"output_repo": 1, "output_branch": "master", "reason": "", **_NONE}
            if state is JobState.SUCCESS:
                columns |= {"started_us": number * 1_000_000, "finished_us": (number + pipeline) * 1_000_000}
            query.insert(tx.db, "job", columns)
            made.append((number, pipeline, state))

    await store.writer.write(write)
    return made


def numbers_of(found) -> list[int]:
    return [int(job.key.id, 16) for job in found]


@pytest.mark.parametrize("states", [(), (JobState.FAILURE,), (JobState.SUCCESS, JobState.RUNNING)])
@pytest.mark.parametrize("pipeline", [None, "b"])
async def test_jobs_are_listed_newest_first_page_by_page(store, rows, states, pipeline):
    of = {"b": (2,), None: (1, 2)}[pipeline]
    expected = [number for number, each, state in reversed(rows) if each in of and state in (states or JobState)]
    found, last = [], None
    while page := await jobs.list_jobs(store, "default", pipeline, states=states, limit=7, before=last):
        found += numbers_of(page)
        last = page[-1].key
    assert found == expected


async def test_many_pipelines_are_asked_some_at_a_time(store, rows, monkeypatch):
    monkeypatch.setattr(newest, "_ARMS_MAX", 4)
    found = newest.newest(store.catalog.db, [1, 2, 3], before=None, limit=50)
    assert found == [number for number, _, _ in reversed(rows)][:50]


async def test_the_jobs_of_one_id_are_found_in_the_project(store, rows):
    number, pipeline, state = rows[100]
    names = {1: "a", 2: "b", 3: "c"}
    uuid = CommitId(f"{number:032x}")
    project = "other" if pipeline == 3 else "default"
    (found,) = await jobs.list_jobs(store, project, id=uuid)
    assert found.key == JobKey(project, names[pipeline], uuid)
    others = tuple(each for each in JobState if each is not state)
    assert await jobs.list_jobs(store, project, id=uuid, states=others) == []
    assert await jobs.list_jobs(store, project, id=uuid, before=found.key) == []


async def test_what_is_usual_is_the_median_of_the_last_successes(store, rows):
    assert await jobs.usual_seconds(store, "default", "b") == 2
    await store.writer.write(lambda tx: query.update(tx.db, "job", {"state": 6}, "id > 0"))
    assert await jobs.usual_seconds(store, "default", "b") is None


@pytest.mark.sqlite
async def test_no_other_jobs_are_looked_at(store, rows):
    key = (await jobs.list_jobs(store, "default", limit=1))[0].key
    with read_plans(store) as plans:
        await jobs.list_jobs(store, "default", states=(JobState.FAILURE,), limit=5, before=key)
        await jobs.list_jobs(store, "default", "a", limit=5)
        await jobs.list_jobs(store, "default", id=key.id)
        await jobs.usual_seconds(store, "default", "a")
    assert [step for step in plans.scans() if not step.startswith(("SCAN a", "SCAN (subquery"))] == []
    assert not any(
        step.startswith(("SCAN job", "SCAN a USING", "SEARCH job USING INDEX job_unf")) for step in plans.steps
    )
