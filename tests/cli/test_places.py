"""What commands do with the parts of an address: nothing of it is ever passed over."""

from __future__ import annotations

import time

import pytest


@pytest.fixture
def filled(runner, tmp_path):
    """A branch with three commits: x/1, xy, x.txt."""
    (tmp_path / "one").write_text("1")
    for key in ("x/1", "xy", "x.txt"):
        assert runner("file", "put", str(tmp_path / "one"), f"data@master:/{key}").status == 0
    return runner


def keys(runner, address):
    return [each["file"]["path"] for each in runner("file", "list", "-r", address, "-o", "json").document]


def test_a_path_names_a_folder_and_never_what_only_begins_like_it(filled, tmp_path):
    assert keys(filled, "data@master:/x") == keys(filled, "data@master:/x/") == ["/x/1"]
    assert keys(filled, "data@master:/xy") == ["/xy"]
    assert [line.split()[-1] for line in filled("file", "list", "data@master:/x").out.splitlines()] == ["NAME", "x/1"]
    assert filled("file", "get", "-r", "data@master:/x", str(tmp_path / "out")).status == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1"]
    assert filled("file", "delete", "-r", "data@master:/x").status == 0
    assert keys(filled, "data@master") == ["/x.txt", "/xy"]


def test_what_is_not_there_is_neither_copied_nor_deleted_nor_made(filled, tmp_path):
    out = tmp_path / "out"
    for path, what in (("/nope", "nothing below /nope"), ("/xy", "is a file")):
        said = filled("file", "get", "-r", f"data@master:{path}", str(out))
        assert said.status == 2
        assert what in said.err
    assert not out.exists()
    for address in ("nope@master:/x", "data@nope:/x", "data@master:/x/2"):
        assert filled("file", "delete", address).status == 2
        assert filled("file", "delete", "-r", address).status == 2
    assert [each["repo"]["name"] for each in filled("repo", "list", "-o", "json").document] == ["data"]
    assert len(filled("branch", "list", "data", "-o", "json").document) == 1
    assert len(filled("commit", "list", "data", "-o", "json").document) == 3


def test_a_folder_goes_below_the_path_and_a_mirror_deletes_nothing_elsewhere(filled, tmp_path):
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b").write_text("b")
    assert filled("file", "put", "-r", str(folder), "data@master:/x").status == 0
    assert keys(filled, "data@master") == ["/x.txt", "/x/1", "/x/a/b", "/xy"]
    assert filled("file", "put", "-r", "--mirror", str(folder), "data@master:/x/").status == 0
    assert keys(filled, "data@master") == ["/x.txt", "/x/a/b", "/xy"]
    assert "add -r" in filled("file", "put", "--mirror", str(folder / "a" / "b"), "data@master").err


@pytest.mark.parametrize("address", ["data@master^", "data@master.1"])
def test_a_commit_of_the_past_is_never_taken_for_its_branch(filled, tmp_path, address):
    for words in (
        ("file", "put", str(tmp_path / "one"), f"{address}:/new"),
        ("file", "put", "-r", str(tmp_path), address),
        ("file", "delete", f"{address}:/xy"),
        ("file", "delete", "-r", f"{address}:/x"),
        ("commit", "start", address),
        ("commit", "finish", address),
    ):
        said = filled(*words)
        assert (said.status, "which never changes" in said.err) == (2, True), words
    assert len(filled("commit", "list", "data", "-o", "json").document) == 3


def test_a_file_is_never_taken_for_its_commit(filled):
    for words in (
        ("commit", "delete", "data@master:/x"),
        ("commit", "squash", "data@master^:/x"),
        ("commit", "start", "data@master:/x"),
        ("commit", "inspect", "data@master:/x"),
        ("commit", "diff", "data@master^", "data@master:/x"),
        ("commit", "list", "data@master:/x"),
        ("commit", "wait", "data@master:/x"),
        ("branch", "create", "data@new", "--head", "data@master:/x"),
    ):
        said = filled(*words)
        assert (said.status, "names a file" in said.err) == (2, True), words
    assert len(filled("commit", "list", "data", "-o", "json").document) == 3
    assert len(filled("branch", "list", "data", "-o", "json").document) == 1


def test_commits_are_counted_from_either_end_and_listed_from_any(filled):
    ids = [each["commit"]["id"] for each in filled("commit", "list", "data", "-o", "json").document]
    for number, address in enumerate(("master", "master^", "master^2")):
        assert filled("commit", "inspect", f"data@{address}", "-o", "json").document["commit"]["id"] == ids[number]
        assert (
            filled("commit", "inspect", f"data@master.{3 - number}", "-o", "json").document["commit"]["id"]
            == ids[number]
        )
        for since in (f"data@{address}", f"data@{ids[number]}", f"data@master.{3 - number}"):
            listed = filled("commit", "list", since, "-o", "json").document
            assert [each["commit"]["id"] for each in listed] == ids[number:]
    assert len(filled("commit", "list", "data@master^", "-n", "1", "-o", "json").document) == 1
    for address in ("master.4", "master^3", "master^999999999", "master.999999999"):
        assert filled("commit", "inspect", f"data@{address}").status == 2
        assert filled("commit", "list", f"data@{address}").status == 2


def test_a_commit_set_is_listed_by_its_id(filled):
    newest = filled("commit", "list", "data", "-n", "1", "-o", "json").document
    id_ = newest[0]["commit"]["id"]
    for text in (id_, id_[:8]):
        assert filled("commit", "list", text, "-o", "json").document == newest
        assert filled("commit", "inspect", text, "-o", "json").document == newest[0]
    for command in ("list", "inspect"):
        assert "no repo has a commit" in filled("commit", command, "0" * 32).err


def test_names_and_files_that_cannot_be_are_for_the_user_to_mend(filled, tmp_path):
    for address, what in (
        ("data@master:/" + "k" * 1025, "longer than 1,024 bytes"),
        ("data@master:/" + b"\xff".decode(errors="surrogateescape"), "UTF-8"),
    ):
        said = filled("file", "put", str(tmp_path / "one"), address)
        assert (said.status, what in said.err) == (2, True)
    assert filled("file", "put", "/proc/self/mem", "data@master:/mem").status == 2
    assert filled("file", "get", "data@master:/xy", str(tmp_path / "one" / "in")).status == 2
    assert len(filled("commit", "list", "data", "-o", "json").document) == 3


def text_of(runner, tmp_path, before, after):
    """Return the lines of a diff of two versions of one file."""
    for text in (before, after):
        (tmp_path / "text").write_bytes(text)
        assert runner("file", "put", str(tmp_path / "text"), "texts@master").status == 0
    return runner("commit", "diff", "--text", "texts@master").out


def test_a_diff_of_one_commit_is_what_it_changed(filled):
    lines = filled("commit", "diff", "data@master").out.splitlines()
    assert [line.split()[0] + line.split()[-1] for line in lines[1:-1]] == ["+x.txt"]
    assert "x/1" in filled("commit", "diff", "data@master.1").out
    assert filled("commit", "diff", "data@master.1", "-o", "json").document[0]["oldFile"] is None
    said = filled("commit", "diff", "data@master", "--prefix", "/y")
    assert said.err == "no object that begins with /y differs\n"
    assert "xy" in filled("commit", "diff", "data@master.1", "data@master", "--prefix", "/xy").out


def test_a_diff_of_text_shows_the_ends_of_lines(runner, tmp_path):
    shown = text_of(runner, tmp_path, b"a\nb \nc", b"a\r\nb\nc\n")
    assert "-a\n" in shown
    assert "+a\\r\n" in shown
    assert "-b \n" in shown
    assert "-c\n\\ No newline at end of file\n" in shown


def test_an_empty_file_has_a_name_in_a_diff_of_text(runner, tmp_path):
    assert "--- a/text\n+++ b/text\n" in text_of(runner, tmp_path, b"a\n", b"")
    assert runner("file", "delete", "texts@master:/text").status == 0
    assert "--- a/text\n+++ /dev/null\n" in runner("commit", "diff", "--text", "texts@master").out


def test_a_diff_of_texts_that_take_long_to_compare_is_said_and_not_waited_for(runner, tmp_path):
    before = b"".join(b"%d\n" % (line % 150) for line in range(100_000))
    after = b"".join(b"%d\n" % (line * 7 % 150) for line in range(100_000))
    began = time.monotonic()
    assert "a/text and b/text differ" in text_of(runner, tmp_path, before, after)
    assert time.monotonic() - began < 30
