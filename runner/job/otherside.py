"""The side of a job where the user's process runs, as the sidecar knows it: by a folder, or by a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
import trio

from runner.host.watch import appearances
from runner.job.share import MalformedExit, Share

LOOK_SECONDS = 1.0
"""So often each side gives a sign of life and looks for the other's; what appears in the folder is seen at once where
its file system tells."""

T = TypeVar("T")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the command.

    Attributes:
        status: As a shell counts it; None: nobody can say.
        word: TERM, INT or LATE, as in `runner.job.share.Exit`; else empty.
        command: Its words; none: they are not known.
        problem: Why nobody can say.
    """

    status: int | None
    word: str = ""
    command: Sequence[str] = ()
    problem: str = ""


class OtherSide:
    """The other side, from the job's beginning to its result.

    Args:
        share: The folder; its blocking is done in threads.
        lost_seconds: Without a sign of life the command is taken for dead.

    Attributes:
        started: Set when the command was seen to have started.
    """

    def __init__(self, share: Share, lost_seconds: float) -> None:
        self.share = share
        self.started = trio.Event()
        self._lost_seconds = lost_seconds
        self._told: int | None = None
        self._changed = trio.Event()
        self._beating = trio.CapacityLimiter(1)  # of its own: uploads may take all other threads
        self._pulse: bytes = b""
        self._seen_at = 0.0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Give signs of life and hear of changes in the folder until cancelled."""
        async with appearances(self.share.folder) as seen, trio.open_nursery() as nursery:
            nursery.start_soon(self._beat)
            task_status.started()
            while True:
                await seen.wait()
                self._changed.set()

    async def do(self, work: Callable[[], T]) -> T:
        """Run what blocks on the folder in a thread."""
        return await trio.to_thread.run_sync(work)

    def end(self, status: int) -> None:
        """Take the command's status from whoever asked over the network; the first that says one is heard."""
        if self._told is None:
            self._told = status
            self._changed.set()

    async def ended(self) -> Ended:
        """Wait for the command's end."""
        while (end := await self.look()) is None:
            with trio.move_on_after(LOOK_SECONDS):
                await self._changed.wait()
            self._changed = trio.Event()
        return end

    async def look(self) -> Ended | None:
        """Return what became of the command; None: it may still run."""
        if self._told is not None:
            return Ended(self._told)
        try:
            said = await self.do(self.share.exit)
        except MalformedExit as exc:
            return Ended(None, command=await self.do(self.share.command), problem=exc.message)
        if said is not None:
            return Ended(said.status, said.word, await self.do(self.share.command))
        pulse = await self.do(self.share.pulse)
        if pulse is None:
            return None
        if not self.started.is_set() or (pulse and pulse != self._pulse):
            self.started.set()
            self._pulse, self._seen_at = pulse, trio.current_time()
        if trio.current_time() - self._seen_at < self._lost_seconds:
            return None
        problem = f"gave no sign of life for {self._lost_seconds:g} s: it was killed with all around it"
        return Ended(None, command=await self.do(self.share.command), problem=problem)

    async def _beat(self) -> None:
        was_told = False
        while True:
            try:
                await trio.to_thread.run_sync(self.share.beat, limiter=self._beating, abandon_on_cancel=True)
            except OSError as exc:
                if not was_told:
                    was_told = True
                    _log.warning("share.failed", message=f"no sign of life can be written: {exc.strerror}")
            await trio.sleep(LOOK_SECONDS)
