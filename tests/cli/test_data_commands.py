import io
import json

import pytest


@pytest.fixture
def filled(runner, labresults):
    assert runner("file", "put", "-r", str(labresults), "labresults@master").status == 0
    return runner


def test_repos_and_branches_are_made_listed_shown_and_deleted(runner):
    assert runner("repo", "create", "labresults", "-d", "from the lab") == (0, "", "made the repo labresults\n")
    assert runner("repo", "list", "-o", "json").document[0]["description"] == "from the lab"
    assert runner("branch", "create", "labresults@dev").status == 0
    assert runner("repo", "inspect", "labresults", "-o", "json").document["branches"][0]["name"] == "dev"
    assert "none yet" in runner("branch", "inspect", "labresults@dev").out
    assert runner("branch", "delete", "labresults@dev").status == 0
    assert runner("branch", "list", "labresults").err == "labresults has no branches yet\n"
    assert runner("-q", "repo", "delete", "labresults") == (0, "", "")
    assert "no repos yet" in runner("repo", "list").err


def test_a_branch_begins_at_a_commit(filled):
    head = filled("commit", "inspect", "labresults@master", "-o", "json").document["commit"]["id"]
    assert filled("branch", "create", "labresults@v1", "--head", "labresults@master").status == 0
    assert filled("branch", "inspect", "labresults@v1", "-o", "json").document["head"]["id"] == head


def test_what_exists_what_is_missing_and_what_is_misspelt(runner):
    runner("repo", "create", "labresults")
    assert runner("repo", "create", "labresults").status == 3
    assert runner("repo", "inspect", "nothing").status == 2
    assert runner("repo", "create", "lab results").status == 2
    assert (
        runner("branch", "create", "labresults").err
        == "✗ labresults does not name a branch\n  write labresults@BRANCH\n"
    )
    assert runner("commit", "inspect", "labresults@mas:ter:").status == 2


def test_projects(runner):
    assert runner("project", "create", "ward", "--description", "x").status == 0
    assert [each["project"]["name"] for each in runner("project", "list", "-o", "json").document] == ["default", "ward"]
    assert runner("--project", "ward", "repo", "create", "labresults").status == 0
    assert runner("repo", "list", "-o", "json").document == []
    assert runner("project", "delete", "ward").status == 3
    assert "ward" in runner("project", "inspect", "ward").out


def test_a_folder_goes_in_and_comes_out_as_it_was(filled, labresults, tmp_path):
    assert filled("file", "get", "-r", "labresults@master", str(tmp_path / "copy")).status == 0
    paths = sorted(path.relative_to(labresults) for path in labresults.rglob("*") if path.is_file())
    assert paths == sorted(
        path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*") if path.is_file()
    )
    assert all((tmp_path / "copy" / path).read_bytes() == (labresults / path).read_bytes() for path in paths)


def test_a_folder_whose_times_are_trusted_is_put_again_without_a_commit(filled, labresults):
    said = filled("file", "put", "-r", str(labresults), "labresults@master", "--mirror", "--trust-mtime")
    assert said.status == 0
    assert "nothing changed" in said.err


def test_the_same_folder_again_makes_no_commit(filled, labresults):
    said = filled("file", "put", "-r", str(labresults), "labresults@master")
    assert said.err == "nothing changed, so there is no new commit\n"
    assert len(filled("commit", "list", "labresults", "-o", "json").document) == 1


def test_files_are_listed_folder_by_folder_or_all(filled):
    names = [line.split()[-1] for line in filled("file", "list", "labresults@master").out.splitlines()[1:]]
    assert names == ["2026/", "units.json"]
    listed = filled("file", "list", "-r", "labresults@master", "-o", "json").document
    assert [each["file"]["path"] for each in listed] == [
        "/2026/ward-03/hba1c.csv",
        "/2026/ward-07/ä +=.csv",
        "/units.json",
    ]
    assert listed[0]["sizeBytes"] == 2000
    assert filled("file", "list", "labresults@master:/nothing", "-o", "json").document == []


def test_a_glob_finds_paths(filled):
    found = filled("file", "glob", "labresults@master:/2026/*/h*.csv", "-o", "json").document
    assert [each["file"]["path"] for each in found] == ["/2026/ward-03/hba1c.csv"]
    assert filled("file", "glob", "labresults@master:/[").status == 2


def test_one_file_goes_in_from_stdin_and_comes_out(filled, tmp_path, monkeypatch):
    class Stdin:
        buffer = io.BytesIO(b"a new file")

    monkeypatch.setattr("sys.stdin", Stdin)
    assert filled("file", "put", "-", "labresults@master:/new.txt").status == 0
    assert filled("file", "cat", "labresults@master:/new.txt").out == "a new file"
    assert filled("file", "get", "labresults@master:/new.txt", str(tmp_path / "out.txt")).status == 0
    assert (tmp_path / "out.txt").read_text() == "a new file"
    assert filled("file", "put", "-", "labresults@master").status == 2


def test_a_file_is_put_under_its_own_name(filled, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    assert filled("file", "put", str(tmp_path / "notes.txt"), "labresults@master:/docs/").status == 0
    assert filled("file", "cat", "labresults@master:/docs/notes.txt").out == "x"


def test_mistakes_with_folders_are_named(filled, labresults, tmp_path):
    assert "add -r" in filled("file", "put", str(labresults), "labresults@master").err
    assert "leave -r away" in filled("file", "put", "-r", str(labresults / "units.json"), "labresults@master").err
    assert "it is a folder" in filled("file", "cat", "labresults@master:/2026").err
    assert "names no file" in filled("file", "cat", "labresults@master").err
    assert "runner file get -r" in filled("file", "get", "-r", "labresults@master").err
    assert filled("file", "put", str(tmp_path / "none"), "labresults@master").status == 2


def test_deleting_is_a_commit_and_the_past_stays(filled):
    assert filled("file", "delete", "-r", "labresults@master:/2026/").status == 0
    assert [each["file"]["path"] for each in filled("file", "list", "labresults@master", "-o", "json").document] == [
        "/units.json"
    ]
    assert filled("file", "cat", "labresults@master^:/2026/ward-07/ä +=.csv").out == "x" * 20
    assert filled("file", "delete", "labresults@master:/nothing").status == 2


def test_commits_are_compared(filled, tmp_path, labresults):
    (labresults / "units.json").write_text("changed")
    (labresults / "new.csv").write_text("1")
    filled("file", "delete", "labresults@master:/2026/ward-03/hba1c.csv")
    filled("file", "put", str(labresults / "units.json"), "labresults@master")
    filled("file", "put", str(labresults / "new.csv"), "labresults@master")
    lines = filled("commit", "diff", "labresults@master^3", "labresults@master").out.splitlines()
    assert [(line.split()[0], line.split()[-1]) for line in lines[1:-1]] == [
        ("-", "2026/ward-03/hba1c.csv"),
        ("+", "new.csv"),
        ("~", "units.json"),
    ]
    assert lines[-1] == "1 added, 1 changed, 1 removed"
    document = filled("commit", "diff", "labresults@master^", "labresults@master", "-o", "json").document
    assert [each["newFile"]["file"]["path"] for each in document] == ["/new.csv"]
    assert filled("commit", "diff", "labresults@master", "labresults@master").err == "they hold the same objects\n"


def test_a_commit_says_who_wrote_it(filled):
    said = filled("commit", "inspect", "labresults@master").out
    assert "user: written by a client" in said
    assert "3 objects, 2.0 KiB" in said
    assert "written by a client" in filled("provenance", "show", "labresults@master").out
    assert filled("provenance", "show", "labresults@master", "-o", "json").status == 2


def test_every_setting_is_shown_with_its_origin(runner, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_GATEWAY_REGION", "eu-central-1")
    monkeypatch.setenv("RUNNER_NONSENSE", "1")
    (tmp_path / "runner.toml").write_text("[job]\ninject = 'compat'\n")
    said = runner("config", "show", "--log-level", "debug", "-o", "json")
    origins = {each["name"]: (each["value"], each["origin"]) for each in json.loads(said.out)}
    assert origins["gateway.region"] == ("eu-central-1", "RUNNER_GATEWAY_REGION")
    assert origins["job.inject"] == ("compat", str(tmp_path / "runner.toml"))
    assert origins["log_level"] == ("debug", "--log-level")
    assert origins["project"] == ("default", "default")
    assert "RUNNER_NONSENSE" in said.err
    assert "gateway.region" in runner("config", "show").out


def test_garbage_is_shown_then_collected_and_the_sizes_tell(filled, tmp_path):
    (tmp_path / "more").write_bytes(b"m" * 300_000)
    assert filled("file", "put", str(tmp_path / "more"), "labresults@master").status == 0
    stats = filled("store", "stats", "-o", "json").document
    assert (stats["commits"], stats["quarantined"]) == (2, 0)
    assert stats["logicalBytes"] > stats["headBytes"] > 300_000
    assert stats["deduplication"] > 1
    assert "deduplication" in filled("store", "stats").out
    head = filled("commit", "inspect", "labresults@master", "-o", "json").document["commit"]["id"]
    assert filled("commit", "squash", f"labresults@{head}").status == 3
    assert filled("commit", "delete", head).err == f"deleted labresults@{head}\n"
    assert "garbage: 1 blob, 293.0 KiB" in filled("store", "gc", "--dry-run").out
    assert filled("store", "gc", "--grace", "soon").status == 2
    said = filled("store", "gc").out
    assert said.startswith("garbage: 1 blob, 293.0 KiB")
    assert said.endswith("freed: 0 B; 1 blob kept for 10m 00s\n")
    assert filled("store", "gc", "--grace", "0s", "-o", "json").document["freedBytes"] == 300_000
    assert filled("store", "check").status == 0


def test_a_commit_is_made_by_hand_of_many_writes(filled, tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    begun = filled("commit", "start", "labresults@master", "-m", "by hand").out.strip()
    assert filled("commit", "start", "labresults@master").status == 3
    for name in ("x", "y"):
        assert filled("file", "put", str(tmp_path / "one"), f"labresults@master:/{name}").status == 0
    assert filled("commit", "inspect", f"labresults@{begun}").out.count("open") == 1
    assert "/x" not in filled("file", "list", "labresults@master").out
    assert filled("commit", "finish", "labresults@master").out == f"{begun}\n"
    assert filled("commit", "wait", f"labresults@{begun}").out == f"{begun}\n"
    assert filled("commit", "list", "labresults", "-o", "json").document[0]["commit"]["id"] == begun
    assert {"x", "y"} <= set(filled("file", "list", "labresults@master").out.split())
    assert filled("commit", "wait", "labresults@" + "0" * 32).status == 2


def test_a_diff_shows_the_lines_that_differ(runner, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for lines in ("one\ntwo\n", "one\n\x1b[31mthree\n"):
        (folder / "text").write_text(lines)
        (folder / "bytes").write_bytes(lines.encode() + b"\0")
        assert runner("file", "put", "-r", str(folder), "data@master", "--mirror").status == 0
    shown = runner("commit", "diff", "--text", "data@master^", "data@master").out
    assert "--- a/text\n+++ b/text\n@@ -1,2 +1,2 @@\n one\n-two\n+\\x1b[31mthree\n" in shown
    assert "a/bytes and b/bytes differ\n" in shown
    assert shown.endswith("0 added, 2 changed, 0 removed\n")
