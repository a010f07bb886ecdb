"""A gateway is killed, or one of its calls fails: what it acknowledged is there, the rest whole or not at all."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.long import seen, wire
from tests.long.bench import Bench, Place, open_bench
from tests.long.faults import End, How

pytestmark = pytest.mark.timeout(1800)

SERVE = ("serve", "--listen", "127.0.0.1:0", "--admin-listen", "")
UNAVAILABLE = 75
CLOSING = 8
"""The last calls of a command that reads; what comes before them is the opening of a store."""
KILLS = (How.KILL, How.TEAR)
EVERY = {"SQLite": 2, "PostgreSQL": 6}
"""One of so many calls is met by a kill."""
KILLS_MIN = 50
"""With those of `test_faults.py` they are more than 300 on each engine."""
FOR_GOOD_EVERY = 3
"""Of so many calls that fail, one does with all that follow; none on PostgreSQL, which each request waits for."""


class Fault(NamedTuple):
    """What goes wrong with which call of a gateway."""

    how: How
    number: int

    def __str__(self) -> str:
        return f"{self.how.name} {self.number}"


COUNTED = Fault(How.COUNT, 0)


@pytest.fixture(scope="module", params=EVERY)
def engine(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bench(engine, postgres) -> Iterator[Bench]:
    with open_bench(postgres if engine == "PostgreSQL" else None) as bench:
        yield bench


@pytest.fixture(scope="module")
def whole(bench) -> End:
    """The end of a gateway with which nothing went wrong."""
    with bench.place() as place:
        place.begin()
        known = wire.Known()
        end = serve(place, COUNTED, wire.write_some, known)
    assert (end.status, known.wrong, known.refused) == (0, [], 0), place.said
    return end


@pytest.fixture(scope="module")
def first(bench) -> int:
    """The first call after the opening."""
    with bench.place() as place:
        place.begin()
        return place.run(("repo", "list")).calls - CLOSING


def serve(place: Place, fault: Fault, talk: Callable[[wire.Client], None], known: wire.Known) -> End:
    """Run a gateway, let a client talk to it, and end it if it has not ended by itself."""
    pipe = place.pipe("ready")
    pid = place.victims.begin(replace(place.order(SERVE, fault.how, fault.number), stdout=pipe))
    process = os.pidfd_open(pid)  # it waits for a reader of its pipe
    try:
        with Path(pipe).open() as said:
            line = said.readline()  # none: it has ended
            if line:
                try:
                    talk(wire.Client(json.loads(line)["endpoint"], known))
                except wire.Gone as exc:
                    if fault.how not in KILLS:
                        known.wrong.append(f"it is gone: {exc}")
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGTERM)
            said.read()
        return place.victims.end()
    finally:
        os.close(process)


def look(place: Place, known: wire.Known) -> str:
    """Look at what is left, through another gateway and into the store; return what is wrong."""
    refused = known.refused
    seen.forget_the_dead(place.store)
    end = serve(place, COUNTED, wire.look_after, known)
    if end.status or known.refused > refused:
        known.wrong.append(f"it is served no more: {end.status} {place.said}")
    wrong, _ = place.look(seen.look_well)
    return "; ".join([*known.wrong, *filter(None, [wrong])])


def test_what_a_killed_gateway_has_acknowledged_is_there(engine, bench, whole, first, figures) -> None:
    left: Counter[str] = Counter()
    every = EVERY[engine]

    def kill(place: Place, fault: Fault) -> str:
        place.begin()
        known = wire.Known()
        end = serve(place, fault, wire.write_some, known)
        left[f"amid {known.asking}" if end.status < 0 else "never"] += 1
        return look(place, known)

    faults = [Fault(How.TEAR if at // every % 2 else How.KILL, at) for at in range(first, whole.calls + 1, every)]
    wrong = bench.each(kill, faults)
    for when, count in sorted(left.items()):
        figures(f"kills: {engine}: gateway, {when} {count:4}")
    assert wrong == []
    assert left.total() - left["never"] >= KILLS_MIN
    assert left[f"amid {wire.COMPLETION}"] > 0


def test_a_call_that_fails_is_answered_with_503_and_leaves_nothing_by_half(
    engine, bench, whole, first, figures
) -> None:
    answers: Counter[str] = Counter()

    def write_and_look(client: wire.Client) -> None:
        wire.write_some(client)
        wire.look_after(client)

    def fail(place: Place, fault: Fault) -> str:
        place.begin()
        known = wire.Known()
        end = serve(place, fault, write_and_look, known)
        answers["answered with 503" if known.refused else "not noticed by the client"] += 1
        if end.status not in (0, UNAVAILABLE) or "Traceback" in place.said:
            known.wrong.append(f"{end.called} failed, status {end.status}: {place.said[-1500:]}")
        if fault.how is How.FAIL and known.asked.keys() != known.held.keys():
            known.wrong.append(f"{end.called} failed once, and more than one request: {known.held.keys()}")
        return look(place, known)

    turns = whole.turns(first)
    faults = [Fault(How.FAIL, at) for at in turns]
    if bench.server is None:
        faults += [Fault(How.FAIL_ON, at) for at in turns[::FOR_GOOD_EVERY]]
    wrong = bench.each(fail, faults)
    for what, count in answers.items():
        figures(f"failed calls of a gateway: {engine}: {count:4} {what}")
    assert wrong == []
