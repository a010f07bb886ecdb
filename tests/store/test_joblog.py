from __future__ import annotations

import pytest
import trio
import trio.testing

from runner.model.ids import new_commit_id
from runner.model.job import JobKey
from runner.store.jobs import joblog
from runner.store.jobs.joblog import JobLog, count_lines, read
from runner.store.jobs.jobs import NoSuchJob
from tests.store.plans import read_plans
from tests.store.world import open_session


@pytest.fixture
async def session(store):
    async with await open_session(store) as session:
        yield session


@pytest.fixture
def key(session):
    return session.key


async def write(store, session, lines) -> None:
    log = JobLog(store, session.key, session.owner)
    async with trio.open_nursery() as nursery:
        await nursery.start(log.run)
        for line in lines:
            await log.append(line)
        await log.aclose()


def chunks(store) -> int:
    return store.catalog.db.execute("SELECT count(*) FROM log_chunk").fetchone()[0]


async def test_lines_come_back_in_order_with_their_numbers(store, key, session):
    lines = [{"message": f"line {number}", "odd": "ä\n\ud800\x00"} for number in range(10)]
    await write(store, session, lines)
    assert await read(store, key) == list(enumerate(lines, 1))
    assert await read(store, key, after_line=4, limit=3) == list(enumerate(lines, 1))[4:7]
    assert await read(store, key, after_line=10) == []
    assert await count_lines(store, key) == 10


async def test_a_second_writer_goes_on_after_the_first(store, key, session):
    await write(store, session, [{"n": 1}])
    await write(store, session, [{"n": 2}])
    assert await read(store, key) == [(1, {"n": 1}), (2, {"n": 2})]


async def test_a_lone_line_is_written_soon_and_many_are_written_together(store, key, session):
    log = JobLog(store, session.key, session.owner)
    async with trio.open_nursery() as nursery:
        await nursery.start(log.run)
        await log.append({"n": 0})
        with trio.fail_after(5):
            while not await count_lines(store, key):  # noqa: ASYNC110  # the promise is a time
                await trio.sleep(joblog.CHUNK_SECONDS / 4)  # the promise is a time
        for number in range(500):
            await log.append({"n": number})
        await log.aclose()
    assert await count_lines(store, key) == 501
    assert chunks(store) <= 3


@pytest.mark.sqlite
async def test_a_window_of_a_long_log_reads_only_the_chunks_it_lies_in(store, key, session, monkeypatch):
    line = {"message": "x" * 1000}
    await write(store, session, [line] * 1000)
    total = chunks(store)
    assert total >= 10
    texts = []
    db = store.catalog.db
    monkeypatch.setattr(joblog.json, "loads", lambda text: texts.append(text) or {})
    with read_plans(store) as plans:
        window = await read(store, key, after_line=700, limit=10)
        assert await count_lines(store, key) == 1000
    assert [number for number, _ in window] == list(range(701, 711))
    assert len(texts) == 10
    (chunks_read,) = [text for text in plans.statements if "SELECT first_line, text" in text]
    assert len(db.execute(chunks_read).fetchall()) <= 2
    assert plans.scans() == []


async def test_an_unknown_job_has_no_log(store, session):
    with pytest.raises(NoSuchJob):
        JobLog(store, JobKey("default", "double", new_commit_id()), session.owner)
