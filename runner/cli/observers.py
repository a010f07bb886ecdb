"""Who watches a job run: the panel of a terminal, plain lines for people who read files, JSON lines for machines.

The supervisor tells an observer of the job that was opened and of every record of its log, already without secrets;
the rest an observer reads from the job's own counters. An observer never fails a job: what it cannot show is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

import trio

from runner.cli import words
from runner.cli.lines import Record, as_json, as_plain, as_seen
from runner.cli.looks import COMMITTING, RUNNING, STOPPED, Look, Sign
from runner.model.job import Job
from runner.model.pipeline import OUTPUT_BUCKET
from runner.store import Store
from runner.store.jobs.reads import Traffic

_FIRST_NEWS = (30, 60, 120, 300)
_LATER_NEWS = 300


Counters = Callable[[], Mapping[str, Traffic]]


@dataclass(slots=True)
class Watched:
    """The job that runs, as far as it is known."""

    job: Job
    counters: Counters
    tries: int
    began: float = field(default_factory=trio.current_time)
    number: int = 0
    log_lines: int = 0
    sign: Sign = RUNNING
    advice: str = "Ctrl-C stops"

    def take(self, record: Record) -> None:
        """Learn from a record of the log."""
        if record.get("user"):
            self.log_lines += 1
            return
        match record.get("event"):
            case "transform.started":
                self.number = int(record.get("try", self.number + 1))
            case "job.sealed":
                self.sign, self.advice = COMMITTING, "Ctrl-C does not stop it any more"
            case "job.stopping":
                self.sign, self.advice = STOPPED._replace(word="stopping"), str(record.get("message", ""))

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return trio.current_time() - self.began


class Observer:
    """Writes every record to a stream as a line of text, and from time to time how far the job is.

    Args:
        write: A record to a line; None: the record is not shown.
        stream: Where to.
        news: Whether silence is broken by ``job.progressed`` at 30 s, 1, 2 and 5 min, then every 5 min.
    """

    def __init__(self, write: Callable[[Record], str | None], stream: TextIO, *, news: bool) -> None:
        self._write = write
        self._stream = stream
        self._news = news
        self.watched: Watched | None = None

    async def opened(self, store: Store, job: Job, counters: Counters, *, tries: int) -> None:
        """Take the job that is about to run, its live counters by bucket, and how often a datum may be tried."""
        del store
        self.watched = Watched(job, counters, tries)

    def log(self, record: Record) -> None:
        """Take one record of the log."""
        if self.watched is not None:
            self.watched.take(record)
        line = self._write(record)
        if line is not None:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep what moves moving for as long as the block runs; raises what the block raises, as it is."""
        error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._move)
            try:
                yield
            except BaseException as exc:  # noqa: BLE001 -- raised below, out of the nursery's group
                error = exc
            nursery.cancel_scope.cancel()
        if error is not None:
            raise error

    async def _move(self) -> None:
        """Do what is to be done all along, until cancelled."""
        if self._news:
            await self._tell_news()

    async def _tell_news(self) -> None:
        told = 0
        while True:
            following = next((at for at in _FIRST_NEWS if at > told), told + _LATER_NEWS)
            await trio.sleep(following - told)
            told = following
            if self.watched is not None:
                self.log(progress(self.watched))


def progress(watched: Watched) -> Record:
    """Say in one record how far a job is."""
    counters = dict(watched.counters())
    out = counters.pop(OUTPUT_BUCKET, None)
    read = sum(traffic.objects_read for traffic in counters.values())
    total = sum(traffic.total_objects or 0 for traffic in counters.values())
    size_bytes = sum(traffic.bytes_read for traffic in counters.values())
    message = f"read {read}/{total} {words.size(size_bytes)}"
    if out is not None:
        message += f", wrote {out.objects_written} {words.size(out.bytes_written)}"
    key = watched.job.key
    return {
        "ts": words.rfc3339(datetime.now(UTC)),
        "level": "info",
        "event": "job.progressed",
        "projectName": key.project,
        "pipelineName": key.pipeline,
        "jobId": key.id,
        "message": f"{message}, {words.duration(watched.seconds)}",
    }


def observer_for(log_format: str, stream: TextIO, look: Look, *, in_ci: bool) -> Observer:
    """Choose an observer: ``auto`` is the panel on a terminal, plain lines where CI is set, JSON elsewhere."""
    if log_format == "json" or (log_format == "auto" and not look.is_terminal and not in_ci):
        return Observer(as_json, stream, news=True)
    if log_format == "plain" or in_ci:
        return Observer(as_plain, stream, news=True)
    if look.moves:
        from runner.cli.live import PanelObserver

        return PanelObserver(stream, look)
    return Observer(lambda record: as_seen(record, look), stream, news=False)
