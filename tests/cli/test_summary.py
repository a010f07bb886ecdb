from dataclasses import replace

import pytest

from runner.cli.looks import Look, render
from runner.cli.stories import Change, InputRead
from runner.cli.summary import broken, next_command, summarise
from runner.model.errors import Conflict, Unavailable
from runner.model.job import JobState
from tests.cli.samples import FAILED, FIRST, GOOD, JOB, LOST, SKIPPED, STOPPED

WIDE = Look(is_terminal=True, columns=100)
NARROW = Look(is_terminal=True, columns=60)


def told(story, look=WIDE):
    return render(summarise(story, look), look)


def test_a_success_in_five_lines():
    assert told(GOOD) == (
        "✓ succeeded  lab_summary 7c1e4b0a9d2f4c6e8b3a5f7091d2c3e4                                  in 1m 02s\n"
        "  out    1,310 objects, 96.2 MiB  →  lab_summary@master  1 added, 22 changed\n"
        "  read   1,204 of 1,310 objects of labresults, 901.7 MiB  1,531 requests, none failed\n"
        "  unread wards (14 objects): declared, never read.  1 absent key: labresults/_state.json\n"
        "  next   runner commit diff lab_summary@master^ lab_summary@master\n"
    )


def test_a_success_on_a_narrow_terminal_keeps_what_matters():
    assert told(GOOD, NARROW) == (
        "✓ succeeded  lab_summary 7c1e4b0a                  in 1m 02s\n"
        "  out    1,310 objects, 96.2 MiB  →  lab_summary@master\n"
        "  read   1,204 of 1,310 objects of labresults, 901.7 MiB\n"
        "  unread wards (14 objects): declared, never read.\n"
        "  next   runner commit diff lab_summary@master^ lab_summary@master\n"
    )


def test_a_failure_names_command_cause_place_and_what_was_kept():
    assert told(FAILED) == (
        "✗ failed  lab_summary 7c1e4b0a9d2f4c6e8b3a5f7091d2c3e4                                  after 1m 03s\n"
        "  why    python3 /app/summarise.py exited 1 on try 3 of 3: KeyError: 'ward_code'\n"
        "  at     labresults/2026/11/21/ward-07/hba1c.csv  last object read; new since the last success\n"
        "  kept   lab_summary@master stays at 9ad2e7f0  301 objects quarantined, 31.8 MiB\n"
        "  next   runner job logs lab_summary@7c1e4b0a\n"
    )


def test_the_cause_is_never_cut():
    assert "on try 3 of 3: KeyError: 'ward_code'" in told(FAILED, NARROW)


def test_an_empty_input_is_skipped_and_says_how_to_fill_it():
    assert told(SKIPPED).splitlines()[0].startswith("○ skipped  lab_summary")
    assert "nothing: labresults is empty, so the command was not run" in told(SKIPPED)
    assert told(SKIPPED).splitlines()[-1] == "  next   runner file put -r DIR labresults@master"


@pytest.mark.parametrize(
    ("job", "reads", "why"),
    [
        (replace(SKIPPED.job, data_total=20, data_skipped=20), SKIPPED.reads, "all 20 datums are as they were"),
        (replace(SKIPPED.job, data_total=1, data_skipped=1), SKIPPED.reads, "the datum is as it was"),
        (SKIPPED.job, [replace(each, objects=3) for each in SKIPPED.reads], "no file is what the inputs ask for"),
    ],
)
def test_a_job_that_ran_nothing_says_why(job, reads, why):
    text = told(replace(SKIPPED, job=job, reads=reads))
    assert f"nothing: {why}, so the command was not run" in text
    assert text.startswith("○ skipped")


@pytest.mark.parametrize(
    ("story", "first", "why"),
    [
        (STOPPED, "■ stopped", "the runner got SIGTERM"),
        (LOST, "▲ lost a race", "branch lab_summary@master was deleted"),
    ],
)
def test_other_ends_have_the_same_shape(story, first, why):
    lines = told(story).splitlines()
    assert lines[0].startswith(first)
    assert [line.split()[0] for line in lines[1:]] == ["why", "at", "kept", "next"]
    assert why in lines[1]


@pytest.mark.parametrize(
    ("error", "first", "kept"),
    [
        (Unavailable("no space left on /data"), "✗ store  lab_summary", "nothing was lost"),
        (Conflict("the branch was deleted meanwhile"), "▲ lost a race  lab_summary", "published nothing"),
    ],
)
def test_a_job_that_was_not_brought_to_its_end_says_what_was_kept(error, first, kept):
    lines = render(broken(JOB.key, error, 3.2, WIDE), WIDE).splitlines()
    assert lines[0].startswith(first)
    assert [line.split()[0] for line in lines[1:]] == ["why", "at", "kept", "next"]
    assert error.message in lines[1]
    assert kept in lines[3]


def test_the_next_step_follows_from_the_end():
    assert next_command(FIRST) == "runner provenance show lab_summary@master"
    assert next_command(replace(GOOD, change=Change())) == "runner provenance show lab_summary@master"
    unrunnable = replace(FAILED, attempts=(), job=replace(JOB, state=JobState.UNRUNNABLE))
    assert next_command(unrunnable) == "runner job inspect lab_summary@7c1e4b0a"


def test_without_anything_unread_it_says_nothing():
    assert "  unread nothing\n" in told(replace(FIRST, reads=(InputRead("labresults", 3, 3, 10),)))


def test_an_input_that_was_only_listed_was_looked_at():
    assert "looked at, no object read" in told(replace(FIRST, reads=(InputRead("wards", 0, 14),)))


def test_many_inputs_are_counted():
    reads = tuple(InputRead(f"in{number}", 1, 2, 1024) for number in range(4))
    assert "1 of 2 objects of in0 and 1 of 2 of in1 and 2 more inputs, 4.0 KiB" in told(replace(FIRST, reads=reads))


def test_foreign_text_stays_text():
    job = replace(FAILED.job, reason="\x1b[2Jgone")
    story = replace(FAILED, job=job, last_read=("labresults", b"a\rb"))
    assert "\x1b" not in told(story)
    assert r"labresults/a\rb" in told(story)


def test_in_ascii_there_is_nothing_but_ascii():
    for story in (GOOD, FAILED, SKIPPED, STOPPED, LOST):
        for columns in (100, 60, 30):
            assert told(story, Look(is_terminal=True, columns=columns, unicode=False)).isascii()


@pytest.mark.parametrize("columns", range(20, 130, 7))
def test_no_line_but_cause_and_command_is_wider_than_the_terminal(columns):
    look = Look(is_terminal=True, columns=columns)
    for story in (GOOD, FIRST, FAILED, SKIPPED, STOPPED):
        lines = [line for line in told(story, look).splitlines() if line.split()[0] not in {"next", "why"}]
        assert max(map(len, lines)) <= columns


def test_colours_only_touch_state_and_what_went_unread():
    coloured = told(GOOD, replace(WIDE, colour=True))
    assert "\x1b[1;32m✓ succeeded\x1b[0m" in coloured
    assert "\x1b[33mwards\x1b[0m" in coloured
