from dataclasses import replace

from runner.cli import tables
from runner.cli.looks import Look, render
from runner.model.job import DatumState
from tests.cli.samples import ATTEMPT, BRANCH, COMMIT, DATUM, ENTRY, FAILED, HEAD, ID, INPUT_ID, JOB, NOW, REPO

TERMINAL = Look(is_terminal=True, columns=100)
PIPE = Look()


def test_jobs_on_a_terminal_are_short():
    jobs = [JOB, replace(FAILED.job, reason="the command exited 1 on try 3 of 3: KeyError: 'ward_code'")]
    assert render(tables.jobs_table(jobs, NOW, TERMINAL), TERMINAL) == (
        "STATE        PIPELINE     ID        STARTED    TOOK  DATUMS       READ   WRITTEN  REASON\n"
        "✓ succeeded  lab_summary  7c1e4b0a  09:14    1m 02s     1/1  901.7 MiB  96.2 MiB\n"
        "✗ failed     lab_summary  7c1e4b0a  09:14    1m 03s     1/1  901.7 MiB  96.2 MiB  the command exite…\n"
    )


def test_in_a_pipe_nothing_is_cut():
    name, reason = "pipeline_" * 12, "because " * 40
    job = replace(FAILED.job, key=replace(JOB.key, pipeline=name), reason=reason.strip())
    text = render(tables.jobs_table([job], NOW, PIPE), PIPE)
    assert all(whole in text for whole in (name, reason.strip(), ID, "2026-11-22T09:14:03.113204Z"))
    assert "\x1b" not in text


def test_numbers_stand_at_the_right_and_lines_end_where_their_text_ends():
    commits = [COMMIT, replace(COMMIT, objects=7, size_bytes=3)]
    text = render(tables.commits_table(commits, NOW, TERMINAL), TERMINAL)
    ends = [line.index("AUTO") for line in text.splitlines()[1:]]
    assert ends[0] == ends[1]
    assert all(line == line.rstrip() for line in text.splitlines())


def test_every_listing_names_its_things_whole():
    pipe = [
        (tables.repos_table([REPO], NOW, PIPE), "labresults"),
        (tables.branches_table([BRANCH], NOW, PIPE), INPUT_ID),
        (tables.commits_table([COMMIT], NOW, PIPE), ID),
        (tables.files_table([ENTRY, b"2026/"], NOW, PIPE), r"2026/11/ward 03/hämo\tglobin.csv"),
        (tables.attempts_table([ATTEMPT], NOW, PIPE), "ab" * 32),
        (tables.datums_table([(DATUM, [ATTEMPT])], NOW, PIPE), "ab" * 32),
        (tables.datums_table([(replace(DATUM, state=DatumState.SKIPPED), [])], NOW, PIPE), "wards:/ward 03/"),
        (tables.datum_files_table(DATUM, PIPE), "/ward 03/"),
    ]
    for lines, whole in pipe:
        assert whole in render(lines, PIPE)
        assert len(lines) > 1


def test_a_branch_without_a_head_shows_a_dash():
    assert "-" in render(tables.branches_table([replace(BRANCH, head=None)], NOW, PIPE), PIPE).split()


def test_without_rows_there_is_no_table():
    assert tables.jobs_table([], NOW, TERMINAL) == []


def test_names_and_values_stand_below_each_other_and_empty_ones_are_left_out():
    text = render(tables.pairs([("id", HEAD), ("reason", ""), ("parent", "none")]), PIPE)
    assert text == f"id      {HEAD}\nparent  none\n"


def test_how_a_try_ended_is_said_once():
    assert tables.end_of(ATTEMPT) == "exited 0"
    assert tables.end_of(FAILED.attempts[0]) == "exited 1"
    assert tables.end_of(replace(ATTEMPT, exit=None, finished=None)) == "running"
    assert tables.end_of(replace(ATTEMPT, reason="over the limit of 5s")) == "exited 0: over the limit of 5s"


def test_wide_characters_count_as_two_columns():
    repos = [replace(REPO, name="検査"), replace(REPO, name="abcd")]
    lines = tables.repos_table(repos, NOW, TERMINAL)
    assert lines[1].cell_len == lines[2].cell_len
