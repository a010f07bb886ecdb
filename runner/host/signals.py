"""How somebody asks the runner to end: once politely, then again and in earnest."""

from __future__ import annotations

import signal

import trio

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A wish that something ends.

    Attributes:
        asked: Set by the first `ask`.
        again: Set by the second.
        reason: Of the first, one phrase; empty before.
        signal: Of the first, when it was a signal; else None.
    """

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.again = trio.Event()
        self.reason = ""
        self.signal: int | None = None

    def ask(self, reason: str, number: int | None = None) -> None:
        """Ask; whoever has asked before is repeating himself."""
        if self.asked.is_set():
            self.again.set()
            return
        self.reason = reason
        self.signal = number
        self.asked.set()


async def watch_signals(stop: Stop, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Turn SIGINT and SIGTERM into wishes until cancelled; ready when the usual handlers are replaced.

    Afterwards both are ignored: the process then only tells what was decided, and one that died of a signal while it
    says that all went well would deny it.
    """
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # what the receiver puts back at its end
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        task_status.started()
        async for number in signals:
            stop.ask(f"stopped by {signal.Signals(number).name}", number)


async def pass_on(source: Stop, target: Stop) -> None:
    """Repeat to *target* what *source* is asked, until both wishes were passed on or cancelled."""
    await source.asked.wait()
    target.ask(source.reason, source.signal)
    await source.again.wait()
    target.ask(source.reason, source.signal)
