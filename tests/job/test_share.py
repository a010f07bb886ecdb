"""The shared folder from the sidecar's side: what sh reads of it, and what is believed of the other side."""

import os
import stat
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.job.share import Exit, Limits, MalformedExit, Share, ShareFailed, ShareRefused, shell_lines

JOB = "copy@000000000000400000000000000000aa"
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@pytest.fixture
def share(tmp_path):
    share = Share(tmp_path / "share")
    yield share
    share.close()


def as_sh_reads(text: str, **variables: str) -> dict[str, str]:
    """Return the environment after sh has read *text*."""
    done = subprocess.run(
        ["sh", "-c", f"{text}\nexec env -0"], env={"PATH": os.environ["PATH"], **variables}, stdout=-1, check=True
    )
    return dict(pair.decode().split("=", 1) for pair in done.stdout.split(b"\0")[:-1])


@settings(max_examples=30, deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=10), here=VALUES.filter(bool))
def test_sh_reads_what_was_written_whatever_is_in_it(values, here):
    environment = {f"V{number}": value for number, value in enumerate(values)} | {"PLACE": "\0/clients"}
    found = as_sh_reads(shell_lines(environment, here=f"/{here}"))
    assert {name: found[name] for name in environment} == environment | {"PLACE": f"/{here}/clients"}


def test_paths_begin_where_the_other_side_has_the_folder():
    text = shell_lines({"A": "\0/clients/config", "B": "x\0y"}, here="/here")
    assert as_sh_reads(text, RUNNER_SHARE="/the re")["A"] == "/the re/clients/config"
    assert as_sh_reads(text)["B"] == "x/herey"


def test_our_host_joins_those_that_no_proxy_stands_before():
    text = shell_lines({"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}, here="/here")
    found = as_sh_reads(text, no_proxy="a,b", NO_PROXY="c")
    assert found["no_proxy"] == found["NO_PROXY"] == "a,b,c,127.0.0.1"
    assert as_sh_reads(text)["no_proxy"] == "127.0.0.1"


def test_what_the_spec_says_of_proxies_stands():
    text = shell_lines({"no_proxy": "spec", "NO_PROXY": "spec"}, here="/here", spec=["no_proxy", "NO_PROXY"])
    assert as_sh_reads(text, no_proxy="a")["no_proxy"] == "spec"


def test_names_that_sh_cannot_export_are_left_out_and_told(share):
    left_out = share.put_environment({"my-input": "1", "a b": "2", "É": "3", "GOOD": "4"}, {}, [], [])
    assert left_out == ["my-input", "a b", "É"]
    assert as_sh_reads((share.folder / "env").read_text())["GOOD"] == "4"


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640), (0o2770, 0o640), (0o777, 0o644)])
def test_files_are_as_readable_as_the_folder(tmp_path, folder, file):
    (tmp_path / "share").mkdir()
    (tmp_path / "share").chmod(folder)
    share = Share(tmp_path / "share")
    share.claim(JOB)
    share.put_script(Limits(env=1, lost=1, grace=1))
    share.put_environment({}, {"config": "x"}, ["lab"], [])
    share.put_result(0, "")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o777 for path in share.folder.rglob("*")}
    below = 0o700 | (folder & 0o055)
    assert modes == dict.fromkeys(("alive", "job", "env", "config", "result"), file) | dict.fromkeys(
        ("run", "clients", "pfs", "lab"), below
    )
    share.close()


def test_a_folder_is_of_one_job(share):
    assert share.claim(JOB) == JOB
    assert share.claim("other@x") == JOB
    (share.folder / "job").write_text("")  # whoever made it died before he wrote it
    assert share.claim("other@x") == "other@x"


@pytest.mark.parametrize(
    ("text", "end"),
    [("0\n", Exit(0)), ("137\nTERM\n", Exit(137, "TERM")), ("75\nLATE", Exit(75, "LATE")), ("1\nwhatever\n", Exit(1))],
)
def test_what_run_says_of_the_end_is_read(share, text, end):
    (share.folder / "exit").write_text(text)
    assert share.exit() == end


@pytest.mark.parametrize("text", ["", "\n", "x\n", "-1\n", "256\n", "0x1\n", "٣\n", "1" * 10_000, " 0\n"])
def test_what_run_does_not_write_is_not_believed(share, text):
    (share.folder / "exit").write_text(text)
    with pytest.raises(MalformedExit, match="holds no exit status"):
        share.exit()


def test_a_link_or_a_folder_is_not_read(share, tmp_path):
    (tmp_path / "secret").write_text("0\n")
    (share.folder / "exit").symlink_to(tmp_path / "secret")
    with pytest.raises(MalformedExit):
        share.exit()
    (share.folder / "started").mkdir()
    assert share.command() == ()


def test_a_result_replaces_a_link_and_does_not_follow_it(share, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (share.folder / "result").symlink_to(tmp_path / "mine")
    share.put_result(3, "two\nlines")
    assert (share.folder / "result").read_text() == "3\ntwo lines\n"
    assert (tmp_path / "mine").read_text() == "mine"


def test_signs_of_life_change_each_time_and_take_no_more_room(share):
    seen = []
    for _ in range(3):
        share.beat()
        seen.append((share.folder / "alive").read_bytes())
    assert len(set(seen)) == 3
    assert len({len(each) for each in seen}) == 1


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ShareRefused, match="cannot be used"):
        Share(tmp_path / "file")


def test_what_cannot_be_written_is_an_error_and_leaves_nothing_behind(share):
    (share.folder / "result").mkdir()
    with pytest.raises(ShareFailed, match="cannot write"):
        share.put_result(0, "")
    assert sorted(path.name for path in share.folder.iterdir()) == ["alive", "result"]
