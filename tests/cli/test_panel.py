from dataclasses import replace

import pytest

from runner.cli.looks import Look, render
from runner.cli.panel import BucketRow, Scene, frame
from tests.cli.samples import ID

RATES = (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 25_270_681)
SCENE = Scene(
    "lab_summary",
    ID,
    number=1,
    tries=3,
    seconds=41.3,
    usual_seconds=62,
    rows=(
        BucketRow("labresults", writes=False, objects=1102, total=1310, size_bytes=851_862_937, rates=RATES),
        BucketRow("wards", writes=False, objects=0, total=14, size_bytes=0, rates=(0, 0)),
        BucketRow("out", writes=True, objects=388, total=None, size_bytes=100_873_011, rates=(1, 2, 3, 3_040_870)),
    ),
    log_lines=1193,
    failed=1,
)


def drawn(scene, columns, **look):
    look = Look(is_terminal=True, columns=columns, **look)
    return render(frame(scene, look), look)


def test_a_rule_and_five_lines():
    assert drawn(SCENE, 100) == (
        "───────────────────────────────────────────────────────────────────────────────────────────────────\n"
        "● running  lab_summary 7c1e4b0a  try 1 of 3                                     41s  usually 1m 02s\n"
        "labresults  read   1,102 of 1,310   812.4 MiB    24.1 MiB/s   ▁▁▁▁▁▁▁▁▁▁▁█\n"
        "wards       read          0 of 14         0 B                 not read yet\n"
        "out         write             388    96.2 MiB     2.9 MiB/s   ▁▁▁█\n"
        "1,193 log lines · 1 refused or absent · Ctrl-C stops\n"
    )


def test_below_ninety_columns_curve_try_and_usual_time_go():
    assert drawn(SCENE, 60) == (
        "───────────────────────────────────────────────────────────\n"
        "● running  lab_summary 7c1e4b0a                         41s\n"
        "labresults  read   1,102 of 1,310   812.4 MiB    24.1 MiB/s\n"
        "wards       read          0 of 14         0 B\n"
        "out         write             388    96.2 MiB     2.9 MiB/s\n"
        "Ctrl-C stops\n"
    )


def test_below_fifty_columns_one_line_is_left():
    assert drawn(SCENE, 45) == "● running  41s  lab_summary\n"


@pytest.mark.parametrize("columns", range(1, 160))
def test_no_line_reaches_the_last_column(columns):
    long = replace(SCENE, pipeline="s3_protocol_enabled_pipeline_with_a_name_that_goes_on")
    for scene in (SCENE, long):
        assert max(map(len, drawn(scene, columns).splitlines())) < max(columns, 2)


def test_of_many_buckets_the_four_busiest_are_shown_in_their_order():
    rows = [replace(SCENE.rows[0], name=f"in{number}", rates=(number,)) for number in range(7)]
    text = drawn(replace(SCENE, rows=rows), 100)
    assert [line.split()[0] for line in text.splitlines()[2:-1]] == ["in3", "in4", "in5", "in6"]
    assert text.splitlines()[-1].startswith("3 more buckets · 1,193 log lines")


def test_figures_keep_their_place_while_they_grow():
    early = replace(SCENE, rows=[replace(row, objects=0, size_bytes=1) for row in SCENE.rows])
    ends = [[line.find(" of ") for line in drawn(scene, 100).splitlines()[2:4]] for scene in (early, SCENE)]
    assert ends[0] == ends[1]


def test_a_terminal_without_unicode_gets_ascii():
    for columns in (100, 60, 40):
        assert drawn(SCENE, columns, unicode=False).isascii()
    assert drawn(SCENE, 100, unicode=False).splitlines()[1].startswith("*  running")
