from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import trio

from runner.model.job import JobState, ProcessExit
from runner.model.provenance import SCHEMA
from runner.store import Store, StoreSettings, open_store
from runner.store.blobs import StorageFailed
from runner.store.blobs.local import LocalBlobs
from runner.store.blobs.system import refusals
from runner.store.buckets.storeview import StoreView
from runner.store.catalog import query as query_
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Connection
from runner.store.catalog.schema import CatalogRefused
from runner.store.catalog.sums import KEYS, RowDamaged, sum_rows
from runner.store.check import Pace, Report, check_store
from runner.store.collect import Graces, StoreDamaged, collect
from runner.store.contents.content import Content, Slice, concatenate
from runner.store.jobs.datums import Planned
from runner.store.view import CompletedPart, Versioning
from runner.store.writing.bursts import open_bursts
from tests import databases
from tests.store.world import DATUM, NO_ATTRIBUTES, Body, commit_objects, open_session

pytestmark = pytest.mark.files

LARGE = bytes(range(256)) * 2000
PART = bytes(5 << 20)


async def build(folder: Path) -> None:
    """Make a store that holds every kind of thing: runs, large and small blobs, a manifest, a job with its record."""
    async with open_store(folder) as store:
        for n in range(8):
            await commit_objects(
                store, {b"k%d" % (n % 5): b"value %d" % n, b"large": LARGE[n:]}, gone=[b"k%d" % (n % 3)]
            )
        async with await open_session(store, {b"input": b"data"}) as session:
            await session.datums.put([Planned(DATUM, b"hash", [])], skip=False)
            attempt = await session.open_attempt(DATUM, 1)
            out = await attempt.view.get_bucket("out")
            await out.put(b"result", Body(b"some output"), NO_ATTRIBUTES)
            upload = await out.create_upload(b"multipart", NO_ATTRIBUTES)
            parts = [await out.put_part(upload, n, Body(PART if n < 3 else b"end")) for n in (1, 2, 3)]
            await out.complete_upload(upload, [CompletedPart(part.number, part.etag) for part in parts])
            await attempt.close(keep=True, exit=ProcessExit(0, None), reason="")
            await session.seal()
            digest = (await session.summary()).digest
            output = {"commit": session.key.id, "digest": digest.hex()}
            await session.commit({"schema": SCHEMA, "note": "a record", "output": output})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "store"
    trio.run(build, folder)
    databases.keep(folder)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A copy of it, to be damaged."""
    shutil.copytree(built / "blobs", tmp_path / "store" / "blobs", copy_function=os.link)
    databases.copy(built, tmp_path / "store")
    return tmp_path / "store"


def check(folder: Path, **options) -> Report:
    async def run():
        async with open_store(folder) as store:
            return await check_store(store, **options)

    return trio.run(run)


def change(folder: Path, statement: str, *values) -> None:
    """Damage the catalog where its rows still match their sums, so that something else has to find it."""
    with databases.connected(folder) as db:
        was_damaged(db, statement, values)
        for table in KEYS:
            cursor = db.execute(f"SELECT * FROM {table}")
            sum_rows(db, table, [column[0] for column in cursor.description], cursor.fetchall())


def was_damaged(db: Connection, statement: str, values=()) -> None:
    assert db.execute(f"{statement} RETURNING 1", values).fetchall(), "nothing was damaged"


def query(folder: Path, statement: str, *values):
    with databases.connected(folder) as db:
        return db.execute(statement, values).fetchone()


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x20
    rewrite(path, data)


def rewrite(path: Path, data: bytes) -> None:
    path.unlink()  # the other copy is the same file
    path.write_bytes(data)


def told(report: Report) -> str:
    return "\n".join(f"{problem.what} {' '.join(problem.touches)}" for problem in report.problems)


def test_a_sound_store_is_sound_and_counted(folder):
    for read_data in (True, False):
        report = check(folder, read_data=read_data)
        assert report.is_sound, told(report)
        assert report.notes == []
        assert report.commits == 10
        assert report.blobs == query(folder, "SELECT count(*) FROM blob")[0]
        assert report.entries > 20
        assert query(folder, "SELECT count(*) FROM run")[0] > 0
        assert query(folder, "SELECT count(*) FROM manifest")[0] > 0


def test_an_empty_store_is_sound(tmp_path):
    assert check(tmp_path / "store") == Report()


def test_every_flipped_byte_of_a_pack_is_found(folder):
    offset, size, pack = query(folder, "SELECT off, size, pack FROM blob WHERE pack > 0 ORDER BY off LIMIT 1")
    path = folder / "blobs" / "packs" / f"{pack:016x}.pack"
    head, frame = range(9), (*range(offset - 48, offset - 43), *range(offset - 40, offset + size))

    async def flip_all():
        async with open_store(folder) as store:
            for at in (*head, *frame):
                flip(path, at)
                assert not (await check_store(store)).is_sound, at
                flip(path, at)
            assert (await check_store(store)).is_sound

    trio.run(flip_all)


def test_a_flipped_byte_of_a_large_blob_is_told_with_what_it_touches(folder):
    number, name = query(folder, "SELECT id, name FROM blob WHERE size = ?", len(LARGE))
    flip(folder / "blobs" / "files" / name[:2] / name, 300_000)
    assert check(folder, read_data=False).is_sound
    (problem,) = check(folder).problems
    assert problem.what == f"blob {number}: the bytes of file {name} do not match their digest"
    uuid = query(folder, "SELECT uuid FROM commits ORDER BY id LIMIT 1")[0]
    assert problem.touches == (f"data@{uuid}:/large",)


def test_damage_of_a_part_touches_the_multipart_object(folder):
    (name,) = query(folder, "SELECT name FROM blob WHERE size = ?", len(PART))
    (folder / "blobs" / "files" / name[:2] / name).unlink()
    for read_data in (True, False):
        (problem,) = check(folder, read_data=read_data).problems
        assert problem.touches[0].endswith(":/multipart")
        assert problem.touches[0].startswith("double@")
        assert "gone" in problem.what


@pytest.mark.parametrize("cut", [1, 100_000])
def test_bytes_that_are_cut_short_are_found_by_their_size_alone(folder, cut):
    (name,) = query(folder, "SELECT name FROM blob WHERE size = ?", len(LARGE))
    path = folder / "blobs" / "files" / name[:2] / name
    rewrite(path, LARGE[: len(LARGE) - cut])
    assert "instead of 512,000" in told(check(folder, read_data=False))


_LAST = "(SELECT max(id) FROM commits WHERE origin = 0)"
_ENTRY = (
    "(layer, key) = (SELECT layer, key FROM entry WHERE kind = 1"
    " AND layer IN (SELECT id FROM layer WHERE kind = {}) ORDER BY layer, key LIMIT 1)"
)
_BLOB = "id = (SELECT max(id) FROM blob WHERE pack > 0 AND id IN (SELECT content FROM entry WHERE kind = 1))"
_DIGEST, _SUM = bytes(32), bytes(512)
DAMAGES: dict[str, tuple[str, *tuple[object, ...]]] = {
    "key": (f"UPDATE entry SET key = ? WHERE {_ENTRY.format(0)}", b"another"),
    "key that is not UTF-8": (f"UPDATE entry SET key = ? WHERE {_ENTRY.format(0)}", b"\xff"),
    "size": (f"UPDATE entry SET size = size + 1 WHERE {_ENTRY.format(0)}",),
    "digest": (f"UPDATE entry SET digest = ? WHERE {_ENTRY.format(0)}", _DIGEST),
    "content": (f"UPDATE entry SET content = content + 1 WHERE {_ENTRY.format(0)}",),
    "content gone": (f"UPDATE entry SET content = 999999 WHERE {_ENTRY.format(0)}",),
    "attributes": (f"UPDATE entry SET meta = ? WHERE {_ENTRY.format(0)}", b"{}"),
    "deletion": (f"UPDATE entry SET kind = 0 WHERE {_ENTRY.format(0)}",),
    "entry gone": (f"DELETE FROM entry WHERE {_ENTRY.format(0)}",),
    "entry of a run": (f"DELETE FROM entry WHERE {_ENTRY.format(1)}",),
    "etag of a run": (f"UPDATE entry SET etag = 'x' WHERE {_ENTRY.format(1)}",),
    "parts": ("UPDATE entry SET parts = 99 WHERE parts IS NOT NULL",),
    "blob row": (f"DELETE FROM blob WHERE {_BLOB}",),
    "blob digest": (f"UPDATE blob SET digest = ? WHERE {_BLOB}", _DIGEST),
    "blob size": (f"UPDATE blob SET size = size - 1 WHERE {_BLOB}",),
    "blob offset": (f"UPDATE blob SET off = off + 1 WHERE {_BLOB}",),
    "blob place": (f"UPDATE blob SET place = 2 WHERE {_BLOB}",),
    "extent": ("UPDATE extent SET off = off + 1, len = len - 1 WHERE start = 0",),
    "extent gone": ("DELETE FROM extent WHERE start > 0",),
    "extent of no blob": ("UPDATE extent SET blob = 9999",),
    "manifest": ("UPDATE manifest SET digest = ?", _DIGEST),
    "layer": ("UPDATE layer SET tombstones = tombstones + 1 WHERE rows IS NOT NULL AND state = 1",),
    "layer state": ("UPDATE layer SET state = 3 WHERE id = 1",),
    "commit digest": (f"UPDATE commits SET digest = ? WHERE id = {_LAST}", _DIGEST),
    "commit sum": (f"UPDATE commits SET content_sum = ? WHERE id = {_LAST}", _SUM),
    "commit count": (f"UPDATE commits SET objects = objects + 1 WHERE id = {_LAST}",),
    "commit bytes": (f"UPDATE commits SET bytes = bytes - 1 WHERE id = {_LAST}",),
    "commit id": (f"UPDATE commits SET uuid = 'x' WHERE id = {_LAST}",),
    "commit state": (f"UPDATE commits SET state = 0 WHERE id = {_LAST}",),
    "commit repo": (f"UPDATE commits SET repo = 999 WHERE id = {_LAST}",),
    "parent gone": (f"UPDATE commits SET parent = 999 WHERE id = {_LAST}",),
    "parent cycle": (f"UPDATE commits SET parent = id WHERE id = {_LAST}",),
    "base cycle": ("UPDATE commits SET base = (SELECT max(id) FROM commits) WHERE id = 2",),
    "base gone": ("UPDATE commits SET base = 999 WHERE id = 2",),
    "layers": (f"UPDATE commits SET layers = '[1]' WHERE id = {_LAST}",),
    "layers unreadable": (f"UPDATE commits SET layers = '[' WHERE id = {_LAST}",),
    "read set": (f"UPDATE commits SET read_set = '[1]' WHERE id = {_LAST}",),
    "run": ("UPDATE run SET covers = '[1]'",),
    "branch": ("UPDATE branch SET head = 999 WHERE name = 'master'",),
    "branch of another repo": ("UPDATE branch SET head = (SELECT max(id) FROM commits) WHERE gen > 2",),
    "repo gone": ("DELETE FROM repo WHERE name = 'data'",),
    "record digest": ("UPDATE provenance SET digest = ?", _DIGEST),
    "record gone": ("DELETE FROM provenance",),
    "record of another commit": ("UPDATE provenance SET commit_id = 1",),
    "job": ("UPDATE job SET commit_id = 1 WHERE state = 5",),
    "job gone": ("DELETE FROM job",),
    "input of no job": ("UPDATE job_input SET job = 999",),
    "datum of no job": ("UPDATE datum SET job = 999",),
    "output of no datum": ("UPDATE produced SET datum = 999",),
    "attempt of no job": ("UPDATE attempt SET job = 999",),
    "pipeline version gone": ("DELETE FROM pipeline_version",),
    "pipeline gone": ("DELETE FROM pipeline",),
    "trigger of no pipeline": ("INSERT INTO trigger (project, repo, branch, pipeline) VALUES ('p', 'data', 'b', 1)",),
    "queue of an ended job": ("INSERT INTO queue (job) VALUES (1)",),
    "right of nobody": ("INSERT INTO access (account, repo, level) VALUES (9, 1, 1)",),
    "document of no branch": ("INSERT INTO document (repo, branch, name, body) VALUES (1, 'gone', 'cors', ?)", b"\0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_each_damage_of_the_catalog_is_found_and_never_raised(folder, damage):
    change(folder, *damage)
    assert not check(folder, read_data=False).is_sound


def test_another_word_in_a_record_is_found(folder):
    (record,) = query(folder, "SELECT record FROM provenance")
    change(folder, "UPDATE provenance SET record = ?", record.replace(b"a record", b"b record"))
    assert not check(folder, read_data=False).is_sound


@pytest.mark.parametrize("right", ["(1, 99, 1)", "(1, 0, 77)"])
def test_a_right_that_makes_no_sense_is_found(folder, right):
    change(folder, "INSERT INTO account (id, name, created_us) VALUES (1, 'ada', 0)")
    assert check(folder, read_data=False).is_sound
    change(folder, f"INSERT INTO access (account, repo, level) VALUES {right}")
    assert not check(folder, read_data=False).is_sound


def test_a_run_that_nothing_names_may_outlive_what_it_was_merged_from(folder):
    change(folder, "INSERT INTO layer (id, kind, state) VALUES (999, 1, 1)")
    change(folder, "INSERT INTO run (layer, covers) VALUES (999, '[1]')")
    assert check(folder, read_data=False).is_sound


def test_damage_is_told_with_the_commit_and_the_key(folder):
    change(folder, f"UPDATE entry SET digest = ? WHERE {_ENTRY.format(0)}", _DIGEST)
    report = check(folder)
    assert "an entry of layer 1 refers to other content than it says" in told(report)
    uuid = query(folder, "SELECT uuid FROM commits ORDER BY id LIMIT 1")[0]
    assert any(f"data@{uuid}:/large" in problem.touches for problem in report.problems)


@pytest.mark.sqlite
def test_a_damaged_page_of_the_database_is_found_and_never_raised(folder):
    path = folder / "catalog.sqlite3"
    (page,) = query(folder, "SELECT rootpage FROM sqlite_master WHERE name = 'entry'")
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 10)
        file.write(b"\xff" * 500)
    assert not check(folder).is_sound


def test_bytes_without_a_reference_are_noted_and_no_problem(folder):
    name = "ab" * 32 + "-" + "0" * 16
    (folder / "blobs" / "files" / "ab").mkdir(exist_ok=True)
    (folder / "blobs" / "files" / "ab" / name).write_bytes(b"12345")
    (folder / "blobs" / "packs" / f"{7:016x}.pack").write_bytes(b"RUNRPACK")
    report = check(folder)
    assert report.is_sound
    assert report.notes == ["1 packs hold nothing that is referred to", "1 files, 5 bytes, are not referred to"]


async def test_a_store_in_use_is_sound_and_its_open_work_is_noted(tmp_path):
    async with open_store(tmp_path / "store") as store:
        reports = await _check_while_writing(store)
    assert all(report.is_sound for report in reports), [told(report) for report in reports]
    assert any("layers are open" in note for report in reports for note in report.notes)


async def _check_while_writing(store: Store) -> list[Report]:
    reports = []
    async with await open_session(store, {b"input": b"data"}) as session:
        attempt = await session.open_attempt(DATUM, 1)
        out = await attempt.view.get_bucket("out")
        async with trio.open_nursery() as nursery:

            async def write() -> None:
                for n in range(100):
                    await out.put(b"%d" % n, Body(b"%d" % n * 1000), NO_ATTRIBUTES)

            nursery.start_soon(write)
            for n in range(5):
                await commit_objects(store, {b"%d" % n: b"x" * n})
                reports.append(await check_store(store))
        await attempt.close(keep=False, exit=None, reason="")
        await session.abandon(JobState.KILLED, "enough", 143)
    reports.append(await check_store(store))
    return reports


async def test_content_that_was_concatenated_is_sound(store):
    await commit_objects(store, {b"a": b"12345", b"b": LARGE})
    rows = store.catalog.db.execute("SELECT kind, content, size FROM entry ORDER BY key").fetchall()
    slices = [Slice(Content(EntryKind(kind), number), 1, size - 1) for kind, number, size in rows]
    await store.writer.write(lambda tx: concatenate(tx, [*slices, *reversed(slices)]))
    assert (await check_store(store)).is_sound


async def test_a_check_can_be_cancelled(store):
    await commit_objects(store, {b"large": bytes(64 << 20)})
    with trio.move_on_after(0) as scope:
        await check_store(store)
    assert scope.cancelled_caught


async def test_a_version_that_holds_what_is_gone_is_told(tmp_path):
    folder = tmp_path / "store"
    async with open_store(folder) as store, open_bursts(store) as bursts:
        bucket = await StoreView(store, bursts, project="default").create_bucket("data")
        await bucket.set_versioning(Versioning.ENABLED)
        for body in (b"1", b"2"):
            await bucket.put(b"k", Body(body), NO_ATTRIBUTES)
        assert (await check_store(store)).is_sound
    oldest = "WHERE seq = (SELECT min(seq) FROM version)"
    for damage, said in (
        (f"UPDATE version SET content = 99 {oldest}", "refers to content that the catalog does not have"),
        (f"UPDATE version SET size = 9 {oldest}", "refers to other content than it says"),
        (f"UPDATE version SET branch = 'none' {oldest}", "is of no branch"),
    ):
        copy = tmp_path / said.replace(" ", "-")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("catalog.*"))
        databases.copy(folder, copy)
        change(copy, damage)
        async with open_store(copy) as store:
            assert said in told(await check_store(store))


def damage(folder: Path, statement: str) -> None:
    """Change the catalog without a word to its sums, as a flipped bit does."""
    with databases.connected(folder) as db:
        was_damaged(db, statement)


def test_a_flipped_state_of_a_layer_or_a_job_removes_nothing_and_ends_nothing(folder):
    entries = query(folder, "SELECT count(*) FROM entry")
    damage(folder, "UPDATE layer SET state = 3 WHERE state = 1")
    damage(folder, "UPDATE job SET state = 2")

    async def collected():
        async with open_store(folder) as store:
            with pytest.raises(StoreDamaged, match="nothing is collected"):
                await collect(store, Graces(0, 0))
            return await check_store(store)

    report = trio.run(collected)
    assert query(folder, "SELECT count(*) FROM entry") == entries
    assert query(folder, "SELECT max(state) FROM job") == (2,)
    assert "a row of the table job was damaged: id 1 job double@" in told(report)


def test_a_store_that_does_not_know_itself_is_not_opened(folder):
    damage(folder, "UPDATE meta SET name = 'gc_epoci' WHERE name = 'gc_epoch'")
    with pytest.raises(RowDamaged, match="meta"):
        check(folder)


def test_a_check_alone_settles_nothing(tmp_path):
    async def leave_a_job():
        async with open_store(tmp_path / "store") as store:
            session = await open_session(store, {b"input": b"data"})
            await session.owner.release()

    async def look():
        async with open_store(tmp_path / "store", settings=StoreSettings(settles=False)) as store:
            return await check_store(store)

    trio.run(leave_a_job)
    assert trio.run(look).is_sound
    assert query(tmp_path / "store", "SELECT finished_us FROM job") == (None,)


def test_progress_of_a_check_is_told(folder):
    seen = []

    async def run():
        async with open_store(folder) as store:
            await check_store(store, tell=lambda part, done, total: seen.append((part, done.objects, total.objects)))

    trio.run(run)
    assert seen
    assert all(done <= total for _, done, total in seen)


async def test_there_are_never_fewer_things_than_were_looked_at():
    seen = []
    pace = Pace(lambda part, done, total: seen.append((part, done.objects, total.objects)))
    pace.begin("entry", 1)
    await trio.to_thread.run_sync(pace, 2)
    assert seen == [("entry", 2, 2)]


async def test_a_damaged_row_gets_no_new_sum_that_would_hide_it(folder):
    damage(folder, "UPDATE job SET reason = 'x'")
    async with open_store(folder) as store:
        with pytest.raises(RowDamaged, match="table job"):
            await store.writer.write(lambda tx: query_.update(tx.db, "job", {"restarts": 1}, "id = 1"))
        assert not (await check_store(store, read_data=False)).is_sound


async def test_a_row_that_holds_whole_seconds_is_sound(store):
    values = {"job": 1, "datum": "d", "number": 1, "n": 0, "layer": 1, "started_us": 1, "reason": "", "objects": 0}
    await store.writer.write(
        lambda tx: query_.insert(tx.db, "attempt", {**values, "bytes": 0, "user_seconds": 0.0, "system_seconds": 2.5})
    )
    assert query_.sound(store.catalog.db, "attempt", "job = ?", (1,)) is not None


def test_a_catalog_out_of_reach_is_no_damage():
    report = Report()
    with pytest.raises(CatalogRefused), report.section("rows"):
        raise CatalogRefused("it is away")
    assert report.is_sound


@pytest.mark.parametrize("error", [errno.ESTALE, errno.EIO])
def test_blobs_that_are_out_of_reach_are_no_damage_and_those_on_a_bad_sector_are(folder, error, monkeypatch):
    def refuse(blobs, place):
        with refusals(folder):
            raise OSError(error, os.strerror(error))

    monkeypatch.setattr(LocalBlobs, "open", refuse)
    if error == errno.EIO:
        assert "Input/output error" in str(check(folder).problems)
    else:
        with pytest.raises(StorageFailed):
            check(folder)
