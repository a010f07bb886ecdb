"""One log record to one line: JSON for machines, plain for people who read files, user lines for a terminal.

A record is the mapping of a job's log: ``ts``, ``level``, ``event``, ``message``, ``user`` and ``stream`` for what the
user code wrote, and the names of project, pipeline and job.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runner.cli.looks import Look
from runner.cli.words import visible

Record = Mapping[str, Any]

# JSON lets them stand as they are; but they end lines for Unicode, and C1 controls move cursors like escapes do.
_BREAKS = re.compile("[\x80-\x9f\u2028\u2029]")
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=str).encode

_EVENT = 22
_KINDS = {"warning": "warn", "critical": "error"}
_STREAMS = {"stdout": "out", "stderr": "err"}
_KNOWN = frozenset(
    {"ts", "level", "event", "message", "user", "stream", "projectName", "pipelineName", "jobId", "datumId"}
    | {"workerId", "request_id"}
)
_LOUD = frozenset({"warning", "error", "critical"})
_LAST_TRY = re.compile(r" on try (\d+) of \1\b")

# Colours pass; whatever else moves the cursor, sets titles or rings does not: it would break the panel.
# Source: ECMA-48, 5.4 (control sequences) and 8.3.117 (SGR).
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_OTHER = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]")


def as_json(record: Record) -> str:
    """Write a record as one JSON line, also for readers that know other line ends, and for a terminal."""
    text = _encode(record)
    return text if text.isascii() else _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_plain(record: Record) -> str:
    """Write a record as clock, kind, event and text, in the zone of the reader."""
    moment = datetime.fromisoformat(str(record["ts"])).astimezone()
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"
    message = visible(str(record.get("message", "")).replace("\t", "    "))
    if record.get("user"):
        return f"{clock} {_STREAMS.get(str(record.get('stream')), 'out'):<5} {message}"
    level = str(record.get("level", "info"))
    extra = " ".join(
        f"{name}={visible(str(value))}"
        for name, value in record.items()
        if name not in _KNOWN and value not in ("", None) and str(value) not in message
    )
    text = f"{message} {extra}".strip()
    return f"{clock} {_KINDS.get(level, level):<5} {record.get('event', '')!s:<{_EVENT}}{text}".rstrip()


def as_seen(record: Record, look: Look) -> str | None:
    """Write what a person at a terminal sees of a record, whole; None: nothing.

    User lines, with ``e`` before those of stderr; of the system's own lines warnings and errors only.
    """
    text = str(record.get("message", ""))
    if record.get("user"):
        mark = "e" if record.get("stream") == "stderr" else " "
    elif (record.get("level") in _LOUD or record.get("event") == "job.stopping") and not _is_told(record):
        mark = "!"
    else:
        return None
    if look.colour:
        mark = f"\x1b[33m{mark}\x1b[0m" if mark != " " else mark
        return f"{mark} {_without_cursor(text)}\x1b[0m" if "\x1b" in text else f"{mark} {_overwritten(text)}"
    return f"{mark} {_overwritten(_OTHER.sub('', text))}"


def _is_told(record: Record) -> bool:
    """Tell whether the summary will say it again: how the job and its last try ended."""
    event = record.get("event")
    if event == "transform.finished":
        return _LAST_TRY.search(str(record.get("message", ""))) is not None
    return event in {"job.failed", "job.killed"}


def _without_cursor(text: str) -> str:
    """Keep colours and text, drop every other escape sequence."""
    kept = []
    at = 0
    for colour in _COLOUR.finditer(text):
        kept += [_overwritten(_OTHER.sub("", text[at : colour.start()])), colour.group()]
        at = colour.end()
    return "".join([*kept, _overwritten(_OTHER.sub("", text[at:]))])


def _overwritten(text: str) -> str:
    """Return what a terminal would still show of a line that returns to its start: progress bars draw so."""
    shown = [piece for piece in text.split("\r") if piece]
    return "\t".join(visible(piece) for piece in shown[-1].split("\t")) if shown else ""
