"""One call that changes the store's folder goes wrong, each in turn: a command has done all of its work or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.long import seen
from tests.long.bench import SOURCE, Base, Bench, Place, open_bench
from tests.long.faults import End, How

pytestmark = pytest.mark.timeout(1800)

UNAVAILABLE = 75
CLOSING = 8
"""The last calls of a command that reads; what comes before them is the opening of a store, the same for all."""
AGAIN_EVERY = 4
"""After every so many failed calls the command is run again, and then has to do its work."""

LIST = "repo list"
NEW = "new"
MIGRATE = "migrate"
TASKS = {
    LIST: ("repo", "list"),
    "put": ("file", "put", "-r", SOURCE, "data@master:/"),
    "start": ("commit", "start", "data@master", "-m", "begun"),
    "finish": ("commit", "finish", "data@hand"),
    "squash": ("commit", "squash", "data@master^3"),
    "delete": ("commit", "delete", "data@fork"),
    "gc": ("store", "gc", "--grace", "0s", "--quarantine", "0s"),
    NEW: ("repo", "create", "first"),
    MIGRATE: ("repo", "list"),
}
MIGRATED = ("store", "migrate")
"""In a database, which other hosts use too, a store is migrated when that is asked for."""
BASES = {NEW: Base.NONE, MIGRATE: Base.FORMER}
EVERY = {"SQLite": 3, "PostgreSQL": 4}
"""One of so many calls is met by a kill."""
FAILED_EVERY = 11
"""One of so many calls of PostgreSQL fails, beside those that `End.turns` chooses."""
KILLS_MIN = 250
"""With those of `test_faulty_gateway.py` they are more than 300 on each engine."""


class Known(NamedTuple):
    """What a command does without a fault, and the store before and after it."""

    end: End
    before: seen.Seen
    after: seen.Seen


class Fault(NamedTuple):
    """What goes wrong with which call of a command."""

    task: str
    how: How
    number: int

    def __str__(self) -> str:
        return f"{self.task}, {self.how.name} {self.number}"


@pytest.fixture(scope="module", params=EVERY)
def engine(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bench(engine, postgres) -> Iterator[Bench]:
    with open_bench(postgres if engine == "PostgreSQL" else None) as bench:
        yield bench


def words_of(place: Place, task: str) -> tuple[str, ...]:
    return MIGRATED if task == MIGRATE and place.is_served else TASKS[task]


@pytest.fixture(scope="module")
def known(bench) -> dict[str, Known]:
    found = {}
    with bench.place() as place:
        for task in TASKS:
            words = words_of(place, task)
            begin(place, task)
            _, before = place.look(seen.look_soundly)
            begin(place, task)
            end = place.run(words)
            assert end.status == 0, place.said
            after = place.look(seen.look_soundly)[1]
            found[task] = Known(end, after if words == MIGRATED else before, after)
    return found


def look(place: Place, task: str, how: Callable[[Path], Awaitable[seen.Seen]]) -> tuple[str, seen.Seen]:
    """Look at what is left, after it was migrated where it does not migrate itself."""
    if words_of(place, task) == MIGRATED:
        end = place.run(MIGRATED)
        if end.status:
            return place.said, {}
    return place.look(how)


def begin(place: Place, task: str) -> None:
    place.begin(BASES.get(task, Base.PRESENT))


def first_of(known: dict[str, Known], task: str) -> int:
    """Return the first call of a task that is tried; those of the opening are tried once."""
    return 1 if task == LIST or task in BASES else known[LIST].end.calls - CLOSING


def test_a_kill_at_any_call_leaves_all_or_nothing(engine, bench, known, figures) -> None:
    left: Counter[str] = Counter()

    def kill(place: Place, fault: Fault) -> str:
        begin(place, fault.task)
        end = place.run(words_of(place, fault.task), fault.how, fault.number)
        wrong, found = look(place, fault.task, seen.look_well)
        _, before, after = known[fault.task]
        left[f"{fault.task:9} {'killed' if end.status < 0 else 'ended':6}"] += 1
        return wrong or ("" if found in (before, after) else seen.difference(before, found))

    faults = [
        Fault(task, How.TEAR if number // EVERY[engine] % 2 else How.KILL, number)
        for task in TASKS
        for number in range(first_of(known, task), known[task].end.calls + 1, EVERY[engine])
    ]
    wrong = bench.each(kill, faults)
    for what, count in sorted(left.items()):
        figures(f"kills: {engine}: {what} {count:4}")
    assert wrong == []
    assert sum(count for what, count in left.items() if "killed" in what) >= KILLS_MIN


def test_a_call_that_fails_is_told_in_a_sentence_and_leaves_all_or_nothing(engine, bench, known, figures) -> None:
    ends: Counter[tuple[str, int]] = Counter()
    every = FAILED_EVERY if bench.server is not None else None

    def fail(place: Place, fault: Fault) -> str:
        words = words_of(place, fault.task)
        begin(place, fault.task)
        end = place.run(words, How.FAIL, fault.number)
        ends[fault.task, end.status] += 1
        said = f"{end.called} failed, status {end.status}: {place.said}"
        if end.status not in (0, UNAVAILABLE) or (end.status and not is_a_sentence(place.said)):
            return said
        _, before, after = known[fault.task]
        wrong, found = look(place, fault.task, seen.look_soundly)
        if wrong or found != (before if end.status else after):
            return f"{said} {wrong or seen.difference(before, found)}"
        if end.status == 0 or fault.number % AGAIN_EVERY:
            return ""
        again = place.run(words)
        wrong, found = look(place, fault.task, seen.look_soundly)
        return "" if (again.status, wrong, found) == (0, "", after) else f"{said} and again: {place.said} {wrong}"

    faults = [
        Fault(task, How.FAIL, number)
        for task in TASKS
        for number in turns(known[task].end, first_of(known, task), every)
    ]
    wrong = bench.each(fail, faults)
    for (task, status), count in sorted(ends.items()):
        figures(f"failed calls: {engine}: {task:9} status {status:3} {count:4}")
    assert wrong == []


def turns(end: End, first: int, every: int | None) -> list[int]:
    """Choose calls as `End.turns` does, and *every* so-manieth: what is sent to a server is of many kinds."""
    some = range(first, end.calls + 1, every) if every else ()
    return sorted({*end.turns(first), *some})


def is_a_sentence(said: str) -> bool:
    """Tell whether it is one sentence, and perhaps a line on what to do."""
    return len(said.splitlines()) in (1, 2) and "Traceback" not in said and "bug" not in said
