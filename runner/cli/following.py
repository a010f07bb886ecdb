"""Following a job that another process runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import trio

from runner.cli.lines import Record
from runner.model.errors import Invalid
from runner.model.job import Job, JobKey
from runner.spec.durations import InvalidDuration, parse_duration
from runner.store import Store, settle
from runner.store.hints import News
from runner.store.jobs import joblog, jobs
from runner.store.owners import job_owner

RECONCILE_SECONDS = 5.0
"""Between two looks behind the hints: they may be lost, and a runner that was killed gave none."""
_PAGE = 1000


class InvalidTime(Invalid):
    """The text is neither a time nor a duration."""


def read_since(text: str) -> datetime:
    """Return the moment that *text* means: RFC 3339, the reader's zone if it says none, or so long ago.

    Raises:
        InvalidTime.
    """
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except (InvalidDuration, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise InvalidTime(f"{text!r} is no time", hint="write 5m, 1h30m or 2026-01-31T12:00:00Z") from exc


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of a log are asked for.

    Attributes:
        user: Lines of the user's code alone, or with False none of them; None: all records.
        datum: Only of datums whose id begins so.
        since: Only of that moment and later; in UTC.
    """

    user: bool | None = None
    datum: str = ""
    since: datetime | None = None

    def of(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return those of *records* that are asked for."""
        since = f"{self.since.replace(tzinfo=None).isoformat(timespec='microseconds')}000Z" if self.since else ""
        return [
            record
            for record in records
            if self.user in (None, bool(record.get("user")))
            and str(record.get("datumId", "")).startswith(self.datum)
            and str(record["ts"]) >= since
        ]


async def until_ended(store: Store, key: JobKey) -> Job:
    """Return the job once it came to an end and its log with it; one whose runner died meanwhile is settled."""
    async with store.hints.listen() as news:
        looks = _Looks(store, news)
        while not await _has_ended(store, job := await jobs.inspect(store, key)):
            await looks.wait()
    return job


async def pages_of(store: Store, key: JobKey, wanted: Wanted, *, follow: bool) -> AsyncIterator[Sequence[Record]]:
    """Yield a job's log in pages of at most 1,000 records, with *follow* those to come until it ends."""
    line = 0
    async with store.hints.listen(lines=True) as news:
        looks = _Looks(store, news)
        while True:
            has_ended = await _has_ended(store, await jobs.inspect(store, key))  # before: what came last is seen too
            page = await joblog.read(store, key, after_line=line, limit=_PAGE)
            if page:
                line = page[-1][0]
                yield wanted.of([record for _, record in page])
            if len(page) == _PAGE:
                continue
            if not follow or has_ended:
                return
            await looks.wait()


async def _has_ended(store: Store, job: Job) -> bool:
    """Tell whether nothing is to come: its runner lets go of a job after the last line of its log."""
    return job.state.is_terminal and not await store.owners.is_held(job_owner(job.key))


class _Looks:
    """When it is time to look at the catalog again."""

    def __init__(self, store: Store, news: News) -> None:
        self._store = store
        self._news = news
        self._reconcile_at = trio.current_time() + RECONCILE_SECONDS

    async def wait(self) -> None:
        """Wait for a hint; now and then settle what dead processes left, however many hints come."""
        with trio.move_on_at(self._reconcile_at) as late:
            await self._news.wait()
        if late.cancelled_caught:
            await settle.settle(self._store)
            self._reconcile_at = trio.current_time() + RECONCILE_SECONDS
