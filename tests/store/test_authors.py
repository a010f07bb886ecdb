"""Who wrote an object last, whatever was merged, carried over or squashed since."""

from __future__ import annotations

import json
import sqlite3

import pytest

from runner.model.job import JobInput
from runner.store.catalog import migrate
from runner.store.history.authors import last_written
from runner.store.history.squash import delete, squash
from runner.store.jobs import pipelines
from runner.store.jobs.datums import Planned
from runner.store.sessions import begin
from tests.store.plans import read_plans
from tests.store.test_merges import until
from tests.store.world import DATUM, NO_ATTRIBUTES, PIPELINE, Body, commit_objects, open_session


async def commits_of(store, commit, keys) -> dict[bytes, str]:
    return {key: author.commit for key, author in (await last_written(store, commit, keys)).items()}


async def try_datum(session, datum: str, objects: dict[bytes, bytes], number: int = 1) -> None:
    attempt = await session.open_attempt(datum, number)
    for key, data in objects.items():
        await attempt.buckets["out"].put(key, Body(data), NO_ATTRIBUTES)
    await attempt.close(keep=True, exit=None, reason="")


async def test_each_object_names_the_commit_that_wrote_it_however_often_it_was_merged_since(store):
    wrote = {}
    for number in range(60):
        keys = [b"%03d" % (number % 7), b"own-%03d" % number]
        commit = await commit_objects(store, dict.fromkeys(keys, b"%d" % number))
        wrote |= dict.fromkeys(keys, commit.id)
    assert store.catalog.db.execute("SELECT count(*) FROM run").fetchone()[0] > 10
    assert await commits_of(store, commit, [*wrote, b"absent"]) == wrote
    author = (await last_written(store, commit, [b"own-003"]))[b"own-003"]
    assert author.job is None
    assert author.finished is not None


async def test_a_merge_behind_the_commit_keeps_who_wrote_what(store, monkeypatch):
    monkeypatch.setattr("runner.store.layers.runs.MERGE_MAX_ROWS", 3)
    first = await commit_objects(store, {b"%02d" % n: b"1" for n in range(10)})
    head = await commit_objects(store, {b"%02d" % n: b"2" for n in range(5, 14)})
    await until(lambda: store.catalog.db.execute("SELECT count(*) FROM run").fetchone()[0])
    assert await commits_of(store, head, [b"04", b"05"]) == {b"04": first.id, b"05": head.id}


async def test_what_a_job_wrote_in_many_tries_names_the_job(store):
    async with await open_session(store) as session:
        for number in range(40):
            await try_datum(session, DATUM, {b"%03d" % number: b"x"}, number)
        await session.seal()
        commit = await session.commit({})
        found = await last_written(store, commit, [b"%03d" % number for number in range(40)])
        assert {author.job for author in found.values()} == {session.key}
        assert len(found) == 40


async def test_what_a_skipped_datum_wrote_names_the_job_that_ran_it(store):
    given = await commit_objects(store, {})
    version = await pipelines.register(store, PIPELINE)
    inputs = [JobInput("data", "default", "data", "master", given.id)]
    keys = []
    for number in range(3):
        async with await begin.open_job(store, PIPELINE, version=version, inputs=inputs) as session:
            await session.start()
            await session.datums.put([Planned("a" * 64, b"same", []), Planned("b" * 64, b"%d" % number, [])], skip=True)
            if not session.datums.is_skipped("a" * 64):
                await try_datum(session, "a" * 64, {b"a": b"1"})
            await try_datum(session, "b" * 64, {b"b": b"%d" % number})
            await session.seal()
            commit = await session.commit({"output": {}})
            keys.append(session.key)
    found = await last_written(store, commit, [b"a", b"b"])
    assert found[b"a"].job == keys[0]
    assert found[b"b"].job == keys[2]


async def test_a_squashed_commit_is_stood_for_by_the_one_above_it_and_a_deleted_one_by_none(store):
    one = await commit_objects(store, {b"a": b"1"})
    two = await commit_objects(store, {b"b": b"2"})
    three = await commit_objects(store, {b"c": b"3"})
    await squash(store, [two])
    assert await commits_of(store, three, [b"a", b"b", b"c"]) == {b"a": one.id, b"b": three.id, b"c": three.id}
    await delete(store, [three])
    assert await commits_of(store, one, [b"a", b"b"]) == {b"a": one.id}


@pytest.mark.sqlite
async def test_no_history_is_walked_to_learn_who_wrote_a_key(store):
    for number in range(60):
        commit = await commit_objects(store, {b"%03d" % number: b"1"})
    with read_plans(store) as plans:
        assert len(await last_written(store, commit, [b"000", b"030", b"059"])) == 3
    assert plans.scans("candidate") == []
    assert len(plans.statements) < 10


@pytest.mark.sqlite
async def test_an_older_catalog_learns_who_wrote_what(tmp_path):
    path = tmp_path / "db"
    migrate.upgrade(path, "0008")
    db = sqlite3.connect(path)
    for number, layers in ((1, [1]), (2, [2]), (3, [4])):
        db.execute(
            """
            INSERT INTO commits (id, repo, uuid, branch, layers, read_set, state, origin, digest, content_sum,
                                 objects, bytes, started_us, description, error)
            VALUES (?, 1, ?, 'master', ?, '[]', 1, 0, x'', x'', 0, 0, 0, '', '')
            """,
            (number, str(number), json.dumps(layers)),
        )
    db.executemany("INSERT INTO layer (id, kind, state) VALUES (?, ?, 1)", [(1, 0), (2, 0), (3, 1), (4, 0), (5, 1)])
    held = {1: (b"a", b"b"), 2: (b"b", b"c"), 3: (b"a", b"b", b"c"), 4: (b"c",), 5: (b"a", b"b", b"c")}
    rows = [(layer, key) for layer, keys in held.items() for key in keys]
    db.executemany("INSERT INTO entry (layer, key, kind) VALUES (?, ?, 0)", rows)
    db.executemany("INSERT INTO run VALUES (?, ?)", [(3, "[2, 1]"), (5, "[4, 2, 1]")])
    db.commit()
    migrate.upgrade(path, "0009")
    origins = db.execute("SELECT layer, key, origin FROM entry WHERE origin IS NOT NULL ORDER BY layer, key").fetchall()
    assert origins == [(3, b"a", 1), (3, b"b", 2), (3, b"c", 2), (5, b"a", 1), (5, b"b", 2), (5, b"c", 4)]
    owned = db.execute("SELECT id, commit_id FROM layer ORDER BY id").fetchall()
    assert owned == [(1, 1), (2, 2), (3, None), (4, 3), (5, None)]
    db.close()
