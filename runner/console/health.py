"""``/livez`` and ``/readyz``, as Kubernetes asks for them.

Source: https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import trio
from quart import Response

from runner.console.app import Part
from runner.host.signals import Stop
from runner.model.errors import RunnerError

PROBE_SECONDS = 3.0
"""Below the 5 s that probes of Kubernetes are usually given, so that they get the reason."""


@dataclass(slots=True)
class Readiness:
    """Whether a daemon takes what it is there for.

    Attributes:
        probe: Asks for what must be within reach; raises a `RunnerError` when it is not. May be
            cancelled.
        stop: Once it is asked for, nothing is taken any more.
        is_started: Set by the daemon when all else stands.
    """

    probe: Callable[[], Awaitable[object]]
    stop: Stop
    is_started: bool = False

    async def find_reason(self) -> str:
        """Return why nothing is taken now, one phrase; empty: all is well."""
        if self.stop.asked.is_set():
            return f"it is ending, {self.stop.reason}"
        if not self.is_started:
            return "it is starting"
        with trio.move_on_after(PROBE_SECONDS) as limit:
            try:
                await self.probe()
            except RunnerError as exc:
                return exc.message
        return f"the store has not answered for {PROBE_SECONDS:g} s" if limit.cancelled_caught else ""


def health(readiness: Readiness) -> Part:
    """Return the routes; each answers 200 and ``ok``, or 503 and why not."""
    part = Part("health", __name__)

    @part.get("/livez")
    async def livez() -> Response:
        """Say that the loop turns."""
        return _text("ok")

    @part.get("/readyz")
    async def readyz() -> Response:
        """Say whether it is worth asking us."""
        reason = await readiness.find_reason()
        return _text(f"not ready: {reason}", HTTPStatus.SERVICE_UNAVAILABLE) if reason else _text("ok")

    return part


def _text(line: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(f"{line}\n", status=status, content_type="text/plain; charset=utf-8")
