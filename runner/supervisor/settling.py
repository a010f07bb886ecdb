"""Settling, now and then, what processes left behind that died: jobs, bursts, layers."""

from __future__ import annotations

import structlog
import trio

from runner.model.errors import RunnerError
from runner.store import Store, settle

_log = structlog.get_logger()


async def keep_settled(
    store: Store, seconds: float, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Settle every so many *seconds*, until cancelled.

    However busy this process is: jobs may run for hours here, and other hosts may give hints all the time.
    """
    task_status.started()
    while True:
        await trio.sleep(seconds)
        try:
            await settle.settle(store)
        except RunnerError as exc:
            _log.warning("store.not_settled", message=exc.message)
