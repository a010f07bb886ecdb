"""What a glob matches of a commit, against a plain model: all paths, matched one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.spec.globs import compile_glob
from runner.store import open_store
from runner.store.catalog.codes import EntryKind
from runner.store.files.paths import Scan, find_matches, key_of, path_of
from runner.store.files.plan import OddKeys
from runner.store.layers.entries import Row

SEGMENTS = st.sampled_from(["a", "b", "a-x", "a.x", "data", "data-2", "é"])
KEYS = st.lists(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join), unique=True, max_size=12)
GLOBS = [
    "/",
    "/*",
    "/**",
    "/*/*",
    "/a",
    "/a/",
    "/a*",
    "/data/*",
    "/{a,b}/*",
    "/(a|data)/**",
    "/data-2/a",
    "/!(a)",
    "/é/*",
    "/a\\-x",
]


class NoRows:
    """A catalog without the keys of folders: none is a file at once."""

    def execute(self, *_):
        return self

    def fetchone(self):
        return None


def row(key: str, data: bytes = b"x") -> Row:
    return Row(key.encode(), EntryKind.BLOB, 1, data, len(data), "etag", 1)


def scan(keys: list[str], glob: str) -> list[tuple[str, int, int]]:
    compiled = compile_glob(glob)
    found = Scan(NoRows(), (1,), lambda path: compiled.match(path) is not None, folds_case=False)
    start = compiled.prefix.encode()
    for key in sorted(key.encode() for key in keys):
        if key.startswith(start):
            found.take(row(key.decode(), key))
    return [(match.path, match.objects, match.size_bytes) for match in found.matches()]


def without_collisions(keys: list[str]) -> list[str]:
    return [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]


def model(keys: list[str], glob: str) -> list[tuple[str, int, int]]:
    compiled = compile_glob(glob)
    folders = {"/" * bool(keys)} - {""}
    for key in keys:
        parts = key.split("/")
        folders |= {f"/{'/'.join(parts[:depth])}/" for depth in range(1, len(parts))}
    found = []
    for path in sorted([*folders, *(f"/{key}" for key in keys)], key=str.encode):
        if compiled.match(path) is not None:
            below = [key for key in keys if f"/{key}".startswith(path)] if path.endswith("/") else [path[1:]]
            found.append((path, len(below), sum(len(key.encode()) for key in below)))
    return found


@settings(max_examples=300)
@given(KEYS.map(without_collisions), st.sampled_from(GLOBS))
def test_files_and_folders_are_matched_in_the_order_of_bytes(keys, glob):
    assert scan(keys, glob) == model(keys, glob)


@pytest.mark.parametrize(
    ("glob", "prefix"),
    [("/", ""), ("/*", ""), ("/data/*.csv", "data/"), ("/data", "data"), ("/a\\*b/(c|d)", "a*b/"), ("/a{b,c}", "a")],
)
def test_a_listing_begins_with_what_a_glob_spells_out(glob, prefix):
    assert compile_glob(glob).prefix == prefix


def test_an_empty_commit_has_no_root():
    assert scan([], "/") == scan([], "/**") == []
    assert scan(["a/b"], "/") == [("/", 1, 3)]


def test_a_folder_sorts_as_its_path_with_the_slash():
    assert [path for path, *_ in scan(["dir-x", "dir.x", "dir/a"], "/*")] == ["/dir-x", "/dir.x", "/dir/"]


def test_the_digest_of_a_folder_tells_names_and_contents():
    def digest(*rows: Row) -> bytes:
        found = Scan(NoRows(), (1,), lambda path: path == "/", folds_case=False)
        for each in rows:
            found.take(each)
        (match,) = found.matches()
        return match.digest

    assert digest(row("a", b"1")) == digest(row("a", b"1"))
    assert len({digest(row("a", b"1")), digest(row("b", b"1")), digest(row("a", b"2"))}) == 3


@pytest.mark.parametrize("key", ["dir/", "dir//a", "dir/../a", "dir/" + "x" * 256])
def test_what_a_folder_cannot_hold_is_named_before_anything_is_given(key):
    with pytest.raises(OddKeys, match="a folder cannot hold 1 of") as refused:
        scan(["a", key], "/*")
    assert "rename" in refused.value.hint


def test_what_no_glob_asks_for_may_have_any_name():
    assert scan(["a", "dir//a"], "/a") == [("/a", 1, 1)]


def test_a_path_is_its_key_behind_a_slash():
    assert (path_of(b"a/b"), key_of("/a/b/")) == ("/a/b", b"a/b/")


async def test_a_file_that_is_a_folder_too_cannot_be_given(tmp_path):
    async with open_store(tmp_path / "store") as store:
        from runner.model.entry import Attributes
        from runner.store.writing.changes import open_change

        async def body():
            yield b"x"

        async with open_change(store, "default", "data", "master") as change:
            for key in (b"dir/a", b"dir/a/b"):
                await change.put(key, body(), Attributes())
            commit, _ = await change.commit()
        from runner.store.history import commits, repos

        db = store.catalog.db
        layers = commits.read_set(db, commits.require_id(db, repos.require(db, "default", "data"), commit.id))
        with pytest.raises(OddKeys, match="is also a folder"):
            await find_matches(store.catalog.db, layers, lambda path: path == "/dir/")
        found = await find_matches(store.catalog.db, layers, lambda path: path in {"/dir/a", "/dir/a/"}, b"dir/")
        assert [match.path for match in found] == ["/dir/a", "/dir/a/"]
