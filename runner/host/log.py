"""What happens, as records: one mapping for each event, in Pachyderm's names, without secrets.

Whoever shows or keeps records decides about their form: a terminal, plain lines, JSON lines, the log of a job.
Events are ``noun.past_verb``; what belongs to everything that a task and its children say is bound once, with
`structlog.contextvars.bind_contextvars`.

    ts             RFC 3339 with nanoseconds
    level, event   line.written for lines of the user's code
    projectName, pipelineName, jobId, datumId, workerId
    user, stream   true, and stdout or stderr, for lines of the user's code
    message        the line, or the event in words
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from runner.host.redact import Redactor

Record = Mapping[str, Any]

_PACHYDERM = {
    "project": "projectName",
    "pipeline": "pipelineName",
    "job_id": "jobId",
    "datum_id": "datumId",
    "worker_id": "workerId",
}
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_NANOSECONDS = 1_000_000_000


class Log:
    """Makes records and hands them on.

    Args:
        sink: Takes each record; must not block for long.
        level: The least that is handed on; lines of the user's code always are.
        redactor: Takes secrets out of every text in a record.
    """

    def __init__(self, sink: Callable[[Record], None], *, level: str = "info", redactor: Redactor) -> None:
        self._sink = sink
        self._least = _LEVELS[level]
        self.redactor = redactor

    def install(self) -> None:
        """Have everything that is said to structlog become records here."""
        structlog.configure(
            processors=[self._take],
            wrapper_class=structlog.make_filtering_bound_logger(self._least),
            cache_logger_on_first_use=False,
        )

    def record(self, level: str, event: str, fields: Mapping[str, Any]) -> Record:
        """Make the record of an event, with what is bound to the task."""
        bound = {**structlog.contextvars.get_contextvars(), **fields}
        named = {_PACHYDERM.get(name, name): self._clean(value) for name, value in bound.items()}
        message = named.pop("message", None) or event.replace(".", " ").replace("_", " ")
        return {"ts": _now(), "level": level, "event": event, **named, "message": message}

    def user_records(self, stream: str, lines: Sequence[str]) -> Sequence[Record]:
        """Make the records of lines of the user's code that came together; secrets were taken from them already."""
        bound = {_PACHYDERM.get(name, name): value for name, value in structlog.contextvars.get_contextvars().items()}
        told = {"ts": _now(), "level": "info", "event": "line.written", "user": True, "stream": stream, **bound}
        return [{**told, "message": line} for line in lines]

    def hand_on(self, record: Record) -> None:
        """Give a record to the sink, unless it is too quiet."""
        if record.get("user") or _LEVELS[record["level"]] >= self._least:
            self._sink(record)

    def _take(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Be the last processor of structlog."""
        level = "error" if method == "exception" else method
        self._sink(self.record(level, str(event.pop("event", "")), event))
        raise structlog.DropEvent

    def _clean(self, value: Any) -> Any:
        """Return *value* as JSON can hold it, without secrets at any depth."""
        if isinstance(value, str):
            return self.redactor.text(value)
        if isinstance(value, bytes):
            return self.redactor.text(value.decode(errors="backslashreplace"))
        if isinstance(value, Mapping):
            return {self.redactor.text(str(name)): self._clean(item) for name, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.redactor.text(str(value))


def _now() -> str:
    """Return the time with nanoseconds; `datetime` knows microseconds only."""
    seconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"
