"""Times of things that are done side by side, in interleaved rounds; what counts is their ratio.

Beside the time that passed stands the processor's time of this process: on a machine that others use too it is the
steadier of the two, and lacks what a disk is waited for.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

ROUNDS = 9


class Seconds(NamedTuple):
    """How long something took."""

    wall: float
    cpu: float


class Watch:
    """Runs from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Seconds:
        """Return how long it runs."""
        return Seconds(time.perf_counter() - self._wall, time.process_time() - self._cpu)


def median(times: list[Seconds]) -> Seconds:
    return Seconds(*map(statistics.median, zip(*times, strict=True)))


async def measured(things: dict[str, Callable[[], Awaitable[object]]], rounds: int = ROUNDS) -> dict[str, Seconds]:
    """Return the medians of each, one after the other in every round, after a first round that does not count."""
    times: dict[str, list[Seconds]] = {name: [] for name in things}
    for number in range(rounds + 1):
        for name, act in things.items():
            watch = Watch()
            await act()
            if number:
                times[name].append(watch.read())
    return {name: median(each) for name, each in times.items()}


def head(what: str, small: str, large: str) -> None:
    print(f"{what}\n  {'':<38} {small:>20} {large:>20}     ratio: time, cpu")


def show(what: str, small: Seconds, large: Seconds) -> None:
    sides = " ".join(f"{each.wall * 1e3:8.2f} ({each.cpu * 1e3:7.2f})" for each in (small, large))
    print(f"  {what:<38}  {sides} ms   x{large.wall / small.wall:.2f} x{large.cpu / small.cpu:.2f}")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
