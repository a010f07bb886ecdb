"""A job's runner is killed, or one of its calls fails: its output is whole or not there, and it says 75."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.long import seen
from tests.long.bench import Bench, Place, open_bench
from tests.long.faults import End, How

pytestmark = pytest.mark.timeout(1800)

UNAVAILABLE = 75
CLOSING = 8
"""The last calls of a command that reads; what comes before them is the opening of a store."""
EVERY = 4
"""One of so many calls is met by a kill."""
FOR_GOOD_EVERY = 3
"""Of so many calls that fail, one does with all that follow."""
OUTPUT = "puts@master: head"
PROGRAM = Path(__file__).parent / "programs" / "puts.py"
SPEC = {
    "pipeline": {"name": "puts"},
    "input": {"pfs": {"name": "data", "repo": "data", "glob": "/", "s3": True}},
    "s3_out": True,
    "transform": {"cmd": [sys.executable, str(PROGRAM)]},
}

Head = dict[bytes, Any]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_bench() as bench:
        (bench.folder / "spec.json").write_text(json.dumps(SPEC))
        yield bench


@pytest.fixture(scope="module")
def whole(bench) -> tuple[int, End, Head]:
    """The first call after the opening, the end of a run with which nothing went wrong, and what it made."""
    with bench.place() as place:
        place.begin()
        first = place.run(("repo", "list")).calls - CLOSING
        place.begin()
        end = run(bench, place, How.COUNT, 0)
        assert end.status == 0, place.said
        wrong, head = look(place)
    assert wrong == ""
    assert sorted(head) == [b"large", b"parts", b"small"]
    return first, end, head


def run(bench: Bench, place: Place, how: How, number: int) -> End:
    return place.run(("run", str(bench.folder / "spec.json")), how, number)


def look(place: Place) -> tuple[str, Head]:
    """Return what is wrong with the store, and what the job has made."""
    wrong, found = place.look(seen.look_well)
    return wrong, found.get(OUTPUT, {})


def test_a_killed_runner_leaves_the_output_whole_or_none(bench, whole, figures) -> None:
    first, last, made = whole
    left: Counter[str] = Counter()

    def kill(place: Place, number: int) -> str:
        place.begin()
        end = run(bench, place, How.TEAR if number // EVERY % 2 else How.KILL, number)
        wrong, head = look(place)
        left[f"{'killed' if end.status < 0 else 'ended'} {'with' if head else 'without'} output"] += 1
        return wrong or ("" if head in ({}, made) else f"a part of the output is there: {[*head]}")

    wrong = bench.each(kill, range(first, last.calls + 1, EVERY))
    for what, count in sorted(left.items()):
        figures(f"kills: SQLite: job's runner, {what} {count:4}")
    assert wrong == []


def test_a_run_one_of_whose_calls_fails_ends_with_75_or_has_all_its_output(bench, whole, figures) -> None:
    first, last, made = whole
    ends: Counter[str] = Counter()

    def fail(place: Place, fault: tuple[How, int]) -> str:
        place.begin()
        end = run(bench, place, *fault)
        said = f"{end.called} failed, status {end.status}: {place.said[-1500:]}"
        ends[f"{fault[0].name} status {end.status}"] += 1
        if end.status not in (0, UNAVAILABLE) or "Traceback" in said:
            return said
        wrong, head = look(place)
        if wrong or head not in ([made] if end.status == 0 else [{}, made]):
            return f"{said} {wrong} {[*head]}"
        return ""

    turns = last.turns(first)
    wrong = bench.each(fail, [(How.FAIL, at) for at in turns] + [(How.FAIL_ON, at) for at in turns[::FOR_GOOD_EVERY]])
    figures(f"failed calls of a run: {dict(sorted(ends.items()))}")
    assert wrong == []
