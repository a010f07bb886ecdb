"""What the commands that go on until they are stopped have in common: a log, and a line that says they are ready."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runner.cli.lines import Record, as_json, as_plain
from runner.cli.looks import look_at
from runner.host.sections import Settings


def log_to(settings: Settings) -> Callable[[Record], None]:
    """Return what writes records where the settings want them: plain for people, JSON for machines."""
    stream = sys.stdout if settings.log_stream == "stdout" else sys.stderr
    is_for_people = look_at(stream).is_terminal or bool(os.environ.get("CI"))
    is_plain = settings.log_format == "plain" or (settings.log_format == "auto" and is_for_people)
    form = as_plain if is_plain else as_json

    def log(record: Record) -> None:
        stream.write(f"{form(record)}\n")
        stream.flush()

    return log


def say_ready(document: Mapping[str, Any], ready_file: Path | None) -> None:
    """Print the one JSON line that says where we are, and write it to a file too if one is wanted."""
    line = json.dumps({**document, "pid": os.getpid()}) + "\n"
    if ready_file is not None:
        _write_whole(ready_file, line)
    sys.stdout.write(line)
    sys.stdout.flush()


def _write_whole(file: Path, text: str) -> None:
    """Let *file* appear with all of *text* in it, so that whoever waits for it reads no half."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
