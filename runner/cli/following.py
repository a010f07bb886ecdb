"""Following a job that another process runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from runner.cli.lines import Record
from runner.model.job import Job, JobKey
from runner.store import Store, joblog, jobs, settle

LOOK_SECONDS = 0.25
"""Between two looks at the catalog: SQLite does not tell one process what another wrote."""
_PAGE = 1000


async def until_ended(store: Store, key: JobKey) -> Job:
    """Return the job once it is in a terminal state; one whose runner died meanwhile is settled."""
    while not (job := await jobs.inspect(store, key)).state.is_terminal:
        await settle.settle(store)
        await trio.sleep(LOOK_SECONDS)
    return job


async def records_of(store: Store, key: JobKey, *, follow: bool) -> AsyncIterator[Record]:
    """Yield the records of a job's log, with *follow* those to come until it ends."""
    line = 0
    while True:
        has_ended = (await jobs.inspect(store, key)).state.is_terminal  # before the look: what came last is seen too
        page = await joblog.read(store, key, after_line=line, limit=_PAGE)
        for number, record in page:
            line = number
            yield record
        if len(page) == _PAGE:
            continue
        if not follow or has_ended:
            return
        await settle.settle(store)
        await trio.sleep(LOOK_SECONDS)
