import pytest
import trio

from runner.model.job import JobState
from runner.store.aside import StoreOutOfReach, probe
from runner.store.catalog.sqlite import CATALOG_NAME
from runner.store.figures import JobCount, read_figures
from runner.store.sessions.begin import take_job
from tests.store.test_triggers import pipeline, succeed, watch
from tests.store.world import commit_objects


async def figures(store):
    return await trio.to_thread.run_sync(read_figures, store)


async def test_jobs_are_counted_by_pipeline_and_state_and_what_waits_by_its_age(store):
    numbers = await watch(store, pipeline("a", "data"), pipeline("b", "a"))
    seen = await figures(store)
    assert seen.jobs == []
    assert [(each.pipeline, each.jobs, each.oldest_seconds) for each in seen.waiting] == [("a", 0, 0), ("b", 0, 0)]
    await commit_objects(store, {b"x": b"1"})
    await commit_objects(store, {b"x": b"2"})
    session, _ = await take_job(store, numbers)
    async with session:
        await succeed(session)
    seen = await figures(store)
    assert set(seen.jobs) == {
        JobCount("default", "a", JobState.SUCCESS, 1),
        JobCount("default", "a", JobState.CREATED, 1),
        JobCount("default", "b", JobState.CREATED, 2),
    }
    assert [(each.pipeline, each.jobs) for each in seen.waiting] == [("a", 1), ("b", 2)]
    assert all(0 < each.oldest_seconds < 60 for each in seen.waiting)
    assert seen.free_bytes > seen.catalog_bytes > 0


@pytest.mark.sqlite
async def test_a_lost_catalog_is_told_and_not_made_anew(store):
    await probe(store)
    catalog = store.folder / CATALOG_NAME
    aside = catalog.rename(catalog.with_name("aside"))
    with pytest.raises(StoreOutOfReach, match="is not there any more"):
        await figures(store)
    with pytest.raises(StoreOutOfReach):
        await probe(store)
    assert not catalog.exists()
    aside.rename(catalog)
