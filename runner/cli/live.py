"""The panel, alive: lines of the user code scroll above it, frames follow each other below."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

import trio
from rich.text import Text

from runner.cli.inquiry import usual_seconds
from runner.cli.lines import Record, as_seen
from runner.cli.looks import RUNNING, Look, columns_of
from runner.cli.observers import Counters, Observer, Watched
from runner.cli.panel import CURVE, WIDEST, BucketRow, Scene, frame
from runner.cli.screen import Screen
from runner.cli.words import ticking
from runner.model.job import Job
from runner.model.pipeline import OUTPUT_BUCKET
from runner.store import Store

FRAME_SECONDS = 1 / 8
IDLE_SECONDS = 1 / 3
KEPT_LINES = 20_000
CLOSE_SECONDS = 2


class PanelObserver(Observer):
    """Shows the panel at the foot of a terminal, and above it what the user code says, whole.

    Drawing is done in a thread: a terminal that was stopped with Ctrl-S holds up the panel, not the job. Lines wait
    meanwhile; of more than 20,000 the oldest are left out, with a word on where to find them.
    """

    def __init__(self, stream: TextIO, look: Look) -> None:
        super().__init__(lambda record: as_seen(record, look), stream, news=False)
        self._look = look
        self._usual_seconds: float | None = None
        self._began = 0.0
        self._screen = Screen(stream)
        self._waiting: deque[str] = deque(maxlen=KEPT_LINES)
        self._left_out = 0
        self._changed = trio.Event()
        self._curves: dict[str, Curve] = {}

    async def opened(self, store: Store, job: Job, counters: Counters, *, tries: int) -> None:
        """Take the job that is about to run, and look up how long it usually takes."""
        await super().opened(store, job, counters, tries=tries)
        self._usual_seconds = await usual_seconds(store, job.key.project, job.key.pipeline)

    def log(self, record: Record) -> None:
        """Take one record of the log."""
        if self.watched is not None:
            self.watched.take(record)
        line = self._write(record)
        if line is not None:
            self._left_out += len(self._waiting) == KEPT_LINES
            self._waiting.append(line)
            self._changed.set()

    async def _move(self) -> None:
        """Draw at most 8 frames a second, some 3 in silence; at the end every line is out and the panel gone."""
        self._began = trio.current_time()
        try:
            while True:
                await self._draw()
                await trio.sleep(FRAME_SECONDS)
                with trio.move_on_after(IDLE_SECONDS - FRAME_SECONDS):
                    await self._changed.wait()
                self._changed = trio.Event()
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await trio.to_thread.run_sync(self._screen.close, self._look, self._above(), abandon_on_cancel=True)

    async def _draw(self) -> None:
        look = replace(self._look, columns=columns_of(self._stream))
        lines = frame(self._scene(self.watched), look) if self.watched else [self._preparing(look)]
        await trio.to_thread.run_sync(self._screen.draw, lines, look, self._above())

    def _preparing(self, look: Look) -> Text:
        """Say that something is done although there is no job yet: its inputs are imported."""
        line = RUNNING._replace(word="preparing").text(look)
        line.append(f"  inputs, {ticking(trio.current_time() - self._began)}", style="dim")
        line.truncate(max((look.columns or WIDEST) - 1, 1))
        return line

    def _above(self) -> Sequence[str]:
        lines = list(self._waiting)
        if self._left_out:
            lines.insert(0, f"! {self._left_out:,} lines are not shown here; runner job logs has them all")
        self._waiting.clear()
        self._left_out = 0
        return lines

    def _scene(self, watched: Watched) -> Scene:
        rows, failed = [], 0
        for name, traffic in watched.counters().items():
            writes = name == OUTPUT_BUCKET
            size_bytes = traffic.bytes_written if writes else traffic.bytes_read
            curve = self._curves.setdefault(name, Curve())
            curve.sample(trio.current_time(), size_bytes)
            rows.append(
                BucketRow(
                    name,
                    writes,
                    # reads of ranges of one object count each
                    objects=traffic.objects_written
                    if writes
                    else min(traffic.objects_read, traffic.total_objects or 0),
                    total=traffic.total_objects,
                    size_bytes=size_bytes,
                    rates=curve.rates(),
                )
            )
            failed += traffic.failed
        return Scene(
            watched.job.key.pipeline,
            watched.job.key.id,
            watched.sign,
            watched.number,
            watched.tries,
            watched.seconds,
            self._usual_seconds,
            rows,
            watched.log_lines,
            failed,
            watched.advice,
        )


class Curve:
    """The speed of one counter over the last seconds, one value a second."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque(maxlen=CURVE + 1)

    def sample(self, now: float, value: int) -> None:
        """Take the counter's value; values within the same second are passed over."""
        if not self._marks or now - self._marks[-1][0] >= 1:
            self._marks.append((now, value))

    def rates(self) -> Sequence[float]:
        """Return the growth per second between the marks, oldest first."""
        marks = list(self._marks)
        return [max(value - before, 0) / (now - then) for (then, before), (now, value) in itertools.pairwise(marks)]
