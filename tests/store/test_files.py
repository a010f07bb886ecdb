from __future__ import annotations

import errno
import os
import socket
import tracemalloc
from contextlib import chdir
from pathlib import Path

import pytest
import trio
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.model.entry import Attributes
from runner.model.errors import Corrupt
from runner.store import open_store, settle
from runner.store.catalog import query
from runner.store.files import bucket_of, export_folder, import_folder
from runner.store.files.exporting import DestinationRefused
from runner.store.files.folder import ExportFailed, InTheWay, TargetFolder
from runner.store.files.importing import SourceUnreadable
from runner.store.files.plan import OddKeys, Planner
from runner.store.files.scan import NoSuchSource, NotImportable
from runner.store.history import commits
from runner.store.layers import staging
from runner.store.layers.tree import walk
from runner.store.refusals import NoSuchKey
from runner.store.writing.changes import open_change
from tests.store.world import commit_objects, read_all

ODD_NAMES = {
    "plain.txt": b"1",
    "with space.txt": b"22",
    "a+b=c&d.csv": b"333",
    "umlaut ä ö ü.bin": b"4444",
    "nested/deep/er/file": b"5" * 70_000,
    "nested/deep/er.txt": b"",
    "nested/%41 percent": b"7",
    "'quoted\"\n.txt": b"8",
    "emoji \U0001f600": b"9" * 200_000,
    "large": bytes(range(256)) * 10_000,
}


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def source(tmp_path):
    return fill(tmp_path / "source", ODD_NAMES)


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tree_of(folder: Path) -> dict[bytes, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {os.fsencode(path.relative_to(folder)): path.read_bytes() for path in files}


def mtimes_of(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


async def put_keys(store, contents: dict[bytes, bytes], branch="master"):
    async def one(data):
        yield data

    async with open_change(store, "default", "data", branch) as change:
        for key, data in contents.items():
            await change.put(key, one(data), Attributes())
        commit, _ = await change.commit()
    return commit


async def load(store, source, branch="master", **options):
    return await import_folder(store, source, "default", "data", branch, **options)


async def keys_of(store, commit) -> set[bytes]:
    return {entry.key for entry in (await bucket_of(store, commit).list(b"", b"", b"")).items}


async def test_a_folder_goes_in_and_comes_out_the_same_with_its_times(store, source, tmp_path):
    os.utime(source / "plain.txt", ns=(1, 1_234_567_890_123_456_789))
    commit, is_new = await load(store, source)
    assert is_new
    assert (commit.objects, commit.size_bytes) == (len(ODD_NAMES), sum(map(len, ODD_NAMES.values())))
    counts = await export_folder(store, commit, tmp_path / "out")
    assert (counts.objects, counts.size_bytes) == (commit.objects, commit.size_bytes)
    assert tree_of(tmp_path / "out") == tree_of(source)
    assert mtimes_of(tmp_path / "out") == mtimes_of(source)


async def test_what_is_read_is_what_was_put_with_rclones_time(store, source):
    os.utime(source / "plain.txt", ns=(0, 1_500_000_000))
    commit, _ = await load(store, source)
    bucket = bucket_of(store, commit)
    assert not bucket.is_writable
    reader = await bucket.get(b"with space.txt")
    assert b"".join([piece async for piece in reader.read(0, 2)]) == b"22"
    assert (await bucket.head(b"plain.txt")).attributes == Attributes(metadata={"mtime": "1.5"})
    with pytest.raises(NoSuchKey):
        await bucket.get(b"absent")


async def test_nothing_changed_makes_no_commit_even_with_new_times(store, source):
    first, _ = await load(store, source)
    for path in source.rglob("*"):
        os.utime(path)
    again, is_new = await load(store, source)
    assert (again, is_new) == (first, False)


def rows_of(store) -> list[int]:
    tables = ("blob", "entry", "part_list", "commits", "layer")
    return [store.catalog.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


async def test_an_unchanged_folder_is_read_and_nothing_of_it_is_stored(store, source):
    await import_folder(store, source, "default", "data", "master")
    before, packs = rows_of(store), {path: path.stat().st_size for path in (store.folder / "blobs").rglob("*")}
    _, is_new = await import_folder(store, source, "default", "data", "master")
    await settle.settle(store)
    assert not is_new
    assert rows_of(store) == before
    assert {path: path.stat().st_size for path in (store.folder / "blobs").rglob("*")} == packs


async def test_files_of_trusted_times_are_not_read_and_others_are(store, tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("same", "touched", "longer", "lied", "large"):
        (folder / name).write_bytes(b"1" * (300_000 if name == "large" else 3))
    first, _ = await import_folder(store, folder, "default", "data", "master")
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "lied").write_bytes(b"222")
    os.utime(folder / "lied", ns=(times["lied"], times["lied"]))
    (folder / "longer").write_bytes(b"1111")
    os.utime(folder / "longer", ns=(times["longer"], times["longer"]))
    os.utime(folder / "touched", ns=(1, 1))
    opened, really = [], os.open
    monkeypatch.setattr(os, "open", lambda path, *how, **more: opened.append(path) or really(path, *how, **more))
    trusted, _ = await import_folder(store, folder, "default", "data", "master", trust_mtime=True)
    ours = {Path(os.fsdecode(path)).name for path in opened if os.fsdecode(path).startswith(str(folder))}
    assert ours == {"longer", "touched"}
    bucket = bucket_of(store, trusted)
    assert [(await bucket.head(key)).size for key in (b"lied", b"longer", b"large")] == [3, 4, 300_000]
    assert await read_all(await bucket.get(b"lied")) == b"111"
    read, is_new = await import_folder(store, folder, "default", "data", "master")
    assert is_new
    assert await read_all(await bucket_of(store, read).get(b"lied")) == b"222"
    assert first.id != trusted.id


async def test_what_another_client_put_without_a_time_is_read(store, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"222")
    os.utime(tmp_path / "in" / "a", ns=(0, 0))
    await commit_objects(store, {b"a": b"111"})
    _, is_new = await import_folder(store, tmp_path / "in", "default", "data", "master", trust_mtime=True)
    assert is_new


async def test_a_mirror_adds_changes_and_deletes(store, source):
    first, _ = await load(store, source)
    (source / "plain.txt").write_bytes(b"changed")
    (source / "new").write_bytes(b"new")
    (source / "large").unlink()
    (source / "emoji \U0001f600").write_bytes(b"9" * 199_999 + b"8")  # of the same size, and large
    second, is_new = await load(store, source)
    assert is_new
    assert second.parent == first.id
    assert await keys_of(store, second) == set(tree_of(source))
    reader = await bucket_of(store, second).get("emoji \U0001f600".encode())
    assert b"".join([piece async for piece in reader.read(199_990, 200_000)]) == b"9999999998"


async def test_without_mirror_nothing_is_deleted(store, tmp_path):
    await load(store, fill(tmp_path / "one", {"a": b"1", "b": b"2"}))
    commit, _ = await load(store, fill(tmp_path / "two", {"b": b"3", "c": b"4"}), mirror=False)
    assert await keys_of(store, commit) == {b"a", b"b", b"c"}


async def test_a_prefix_stands_before_every_key_and_bounds_the_mirror(store, tmp_path):
    await put_keys(store, {b"in/old": b"", b"in": b"", b"inner": b"", b"z": b""})
    commit, _ = await load(store, fill(tmp_path / "one", {"a": b"1"}), prefix=b"in/")
    assert await keys_of(store, commit) == {b"in/a", b"in", b"inner", b"z"}


async def test_a_single_file_is_its_name(store, tmp_path):
    (tmp_path / "one file").write_bytes(b"1")
    commit, _ = await load(store, tmp_path / "one file")
    assert await keys_of(store, commit) == {b"one file"}


async def test_an_empty_folder_is_an_empty_commit_once(store, tmp_path):
    commit, is_new = await load(store, fill(tmp_path / "empty", {}))
    assert (commit.objects, is_new) == (0, True)
    assert (await load(store, tmp_path / "empty")) == (commit, False)


async def test_many_deletions_reach_every_key(store, tmp_path):
    source = fill(tmp_path / "many", {f"{n:04}": b"" for n in range(350)})
    await load(store, source)
    for n in range(350):
        if n % 7:
            (source / f"{n:04}").unlink()
    commit, _ = await load(store, source)
    assert commit.objects == 50


async def test_two_imports_of_one_folder_at_once_make_one_commit(store, source):
    commits = []

    async def once():
        commits.append(await load(store, source))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(once)
    assert sorted(is_new for _, is_new in commits) == [False, False, True]
    assert len({commit.id for commit, _ in commits}) == 1


async def test_links_are_followed_inside_the_folder(store, tmp_path):
    source = fill(tmp_path / "source", {"real": b"data", "folder/file": b"inside"})
    (source / "link").symlink_to("real")
    (source / "folder-link").symlink_to(source / "folder")
    commit, _ = await load(store, source)
    assert await keys_of(store, commit) == {b"real", b"link", b"folder/file", b"folder-link/file"}


async def test_everything_that_cannot_be_imported_is_told_at_once_and_nothing_is_made(store, tmp_path):
    source = fill(tmp_path / "source", {"good": b"", "a": b"", "%~a": b"", "/".join(["x" * 200] * 6): b""})
    (source / "outside").symlink_to("/etc/passwd")
    (source / "loop").symlink_to(source)
    (source / "nothing").symlink_to("gone")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, chdir(source):  # paths of sockets are short
        listener.bind("socket")
    fill(source / "names", {os.fsdecode(b"not-\xff-utf8"): b""})
    with pytest.raises(NotImportable) as refusal:
        await load(store, source)
    told = str(refusal.value)
    for line in (
        "outside: is a symbolic link that leaves the folder",
        "loop: is a symbolic link to a folder around it",
        "nothing: is a symbolic link to nothing",
        "pipe: is no regular file",
        "socket: is no regular file",
        "names/not-\\xff-utf8: its name is not UTF-8",
        "xxx: its name is longer than 1,024 bytes",
        "a: two files have this key",
    ):
        assert line in told
    assert "good" not in told
    with pytest.raises(NoSuchSource):
        await load(store, tmp_path / "absent")


async def test_the_store_is_never_imported_into_itself(store, tmp_path):
    for source in (tmp_path, tmp_path / "store", tmp_path / "store" / "blobs"):
        with pytest.raises(NotImportable, match="the store itself"):
            await load(store, source)


async def test_a_file_that_cannot_be_read_leaves_the_branch_alone(store, source):
    first, _ = await load(store, source)
    (source / "plain.txt").write_bytes(b"changed")
    fill(source / "aaa", {str(n): str(n).encode() for n in range(400)})
    vanishing = (source / "large").rename(source / "zzz")
    with pytest.raises(SourceUnreadable, match="zzz"):
        await load(store, source, progress=lambda *_: vanishing.unlink(missing_ok=True))
    page = await bucket_of(store, first).list(b"", b"", b"")
    assert len(page.items) == len(ODD_NAMES)
    again, is_new = await load(store, fill(source.parent / "fresh", ODD_NAMES))
    assert (again, is_new) == (first, False)


async def test_keys_that_a_folder_cannot_hold_stop_before_anything_is_written(store, tmp_path):
    odd = [b"a", b"a/b/", b"x//y", b"../escape", b".", b"nul\0", b"n" * 256, b"%~spelled"]
    commit = await put_keys(store, dict.fromkeys([*odd, b"a/b/c", b"fine"], b"x"))
    with pytest.raises(OddKeys) as refusal:
        await export_folder(store, commit, tmp_path / "out")
    told = str(refusal.value)
    assert "cannot hold 8 of 10 keys" in told
    assert "a: is also a folder" in told
    assert "'nul\\x00': holds a NUL" in told
    assert "fine" not in told
    assert "a/b/c" not in told
    assert tree_of(tmp_path / "out") == {}
    counts = await export_folder(store, commit, tmp_path / "out", on_odd_keys="skip")
    assert counts.objects == 2
    assert tree_of(tmp_path / "out") == {b"a/b/c": b"x", b"fine": b"x"}


_SEGMENTS = st.sampled_from(["", ".", "..", "a", "A", "b", "%~", "%~a", "%", "ä", "\0", "x" * 300, "a b"])
_KEYS = st.lists(_SEGMENTS, min_size=1, max_size=3).map("/".join).filter(bool).map(str.encode)


@given(st.dictionaries(_KEYS, st.binary(max_size=3), max_size=12))
@settings(max_examples=10, deadline=None)
def test_escaping_writes_every_key_and_an_import_reads_all_back(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("escape")

    async def check():
        async with open_store(folder / "store") as store:
            commit = await put_keys(store, contents)
            await export_folder(store, commit, folder / "out", on_odd_keys="escape")
            again, _ = await load(store, folder / "out", "again")
            pages = [(await bucket_of(store, each).list(b"", b"", b"")).items for each in (commit, again)]
            assert [[(e.key, e.digest) for e in page] for page in pages] == [sorted(pages_of(contents))] * 2

    trio.run(check)


def pages_of(contents):
    return [(key, blake3(data).digest()) for key, data in contents.items()]


async def test_a_prefix_is_cut_at_its_last_slash(store, tmp_path):
    commit = await put_keys(store, {b"a/b/c": b"1", b"a/bb": b"2", b"z": b"3"})
    await export_folder(store, commit, tmp_path / "one", b"a/b")
    assert set(tree_of(tmp_path / "one")) == {b"b/c", b"bb"}
    await export_folder(store, commit, tmp_path / "two", b"a/b/")
    assert set(tree_of(tmp_path / "two")) == {b"c"}


async def test_where_case_is_folded_colliding_names_are_odd(store):
    commit = await put_keys(
        store, dict.fromkeys([b"A", b"a", b"Dir/x", b"dir/y", b"other", "Ä".encode(), "ä".encode()], b"")
    )
    db = store.catalog.db
    layers = commits.read_set(db, query.value(db, "SELECT max(id) FROM commits"))
    planner = Planner(store.catalog.db, layers, 0, folds_case=True)
    planned = await planner.plan(walk(store.catalog.db, layers))
    assert set(planned.odd) == {b"a", b"dir/y", "ä".encode()}
    assert commit.objects == 7


async def test_existing_files_are_replaced_and_others_stay(store, source, tmp_path):
    commit, _ = await load(store, source)
    out = fill(tmp_path / "out", {"plain.txt": b"old", "mine": b"mine"})
    (out / "with space.txt").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_bytes(b"safe")
    await export_folder(store, commit, out)
    assert (out / "plain.txt").read_bytes() == b"1"
    assert (out / "mine").read_bytes() == b"mine"
    assert (tmp_path / "victim").read_bytes() == b"safe"
    assert (out / "with space.txt").read_bytes() == b"22"
    assert not list(out.rglob(".runner*"))


@pytest.mark.parametrize("obstacle", ["link", "file", "folder"])
async def test_what_is_in_the_way_is_told_and_never_gone_through(store, tmp_path, obstacle):
    commit = await put_keys(store, {b"nested/file": b"new"})
    out, outside = fill(tmp_path / "out", {}), fill(tmp_path / "outside", {})
    if obstacle == "link":
        (out / "nested").symlink_to(outside)
    elif obstacle == "file":
        (out / "nested").write_bytes(b"")
    else:
        (out / "nested" / "file").mkdir(parents=True)
    with pytest.raises(InTheWay, match="nested/file cannot be written"):
        await export_folder(store, commit, out)
    assert list(outside.iterdir()) == []
    assert not list(out.rglob("*.part"))


async def test_an_export_never_goes_into_the_store(store, source, tmp_path):
    commit, _ = await load(store, source)
    with pytest.raises(DestinationRefused):
        await export_folder(store, commit, tmp_path / "store" / "out")


@pytest.mark.files
async def test_damaged_bytes_are_not_exported(store, tmp_path):
    commit = await put_keys(store, {b"a": b"whole"})
    (pack,) = (tmp_path / "store" / "blobs" / "packs").iterdir()
    data = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(data.replace(b"whole", b"wh0le"))
    with pytest.raises(Corrupt):
        await export_folder(store, commit, tmp_path / "out")
    assert tree_of(tmp_path / "out") == {}


def test_a_target_that_cannot_be_written_says_why(tmp_path):
    folder = TargetFolder(tmp_path)
    file = folder.create(b"x" * 300)
    with pytest.raises(ExportFailed, match=os.strerror(errno.ENAMETOOLONG)):
        file.finish(None)
    file.discard()
    assert list(tmp_path.iterdir()) == []
    folder.close()
    with pytest.raises(InTheWay):
        TargetFolder(fill(tmp_path / "f", {"file": b""}) / "file")


@pytest.mark.files  # an object store has larger pieces under way
async def test_large_objects_pass_through_in_pieces(store, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    with (source / "big").open("wb") as file:
        for n in range(24):
            file.write(bytes([n]) * (1 << 20))
    tracemalloc.start()
    commit, _ = await load(store, source)
    await export_folder(store, commit, tmp_path / "out")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20
    assert (tmp_path / "out" / "big").stat().st_size == 24 << 20


async def test_progress_ends_at_the_total(store, source, tmp_path):
    told = []

    def progress(done, total):
        told.append((done.objects, done.size_bytes, total.objects, total.size_bytes))

    commit, _ = await load(store, source, progress=progress)
    all_of_it = (commit.objects, commit.size_bytes)
    assert told[-1] == (*all_of_it, *all_of_it)
    told.clear()
    await export_folder(store, commit, tmp_path / "out", progress=progress)
    assert told[-1] == (*all_of_it, *all_of_it)


async def test_a_layer_left_open_is_never_part_of_a_branch(store, source):
    """A cancelled import drops its layer: the branch stays without a head."""
    with trio.CancelScope() as scope:
        await load(store, source, progress=lambda *_: scope.cancel())
    assert scope.cancelled_caught
    states = store.catalog.db.execute("SELECT state FROM layer").fetchall()
    assert states
    assert all(state != staging.LayerState.OPEN for (state,) in states)
    assert store.catalog.db.execute("SELECT count(*) FROM commits").fetchone() == (0,)
