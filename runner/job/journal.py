"""What is said of a job while it runs: handed on to whoever watches, and kept with the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.host.log import Log
from runner.store.jobs.joblog import JobLog

_NO_FIELDS: Mapping[str, Any] = {}
_AT_ONCE = 256  # lines; the gateway waits for as long as they take


class Journal:
    """The events and lines of one job.

    Args:
        log: Makes records and hands them on.
        kept: Keeps records with the job; while it waits for the disk, code that writes faster waits too.
    """

    def __init__(self, log: Log, kept: JobLog) -> None:
        self.log = log
        self._kept = kept

    async def say(
        self, event: str, message: str = "", *, level: str = "info", fields: Mapping[str, Any] = _NO_FIELDS
    ) -> None:
        """Tell an event, ``noun.past_verb``, with its sentence."""
        record = self.log.record(level, event, {"message": message, **fields})
        self.log.hand_on(record)
        await self._kept.append(record)

    async def lines(self, stream: str, lines: Sequence[str]) -> None:
        """Tell what the user's code wrote."""
        for first in range(0, len(lines), _AT_ONCE):
            records = self.log.user_records(stream, lines[first : first + _AT_ONCE])
            for record in records:
                self.log.hand_on(record)
            await self._kept.append(*records)
