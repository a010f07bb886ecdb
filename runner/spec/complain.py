"""How a rule says what is wrong: at a value, or at what lacks one, with a suggestion in the file's own syntax."""

from __future__ import annotations

import json
import re
from typing import Any

from runner.spec.nodes import Cursor
from runner.spec.problems import Problem, Report

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def wrong(report: Report, at: Cursor, message: str, *, write: str = "", alternative: str = "") -> None:
    """Report the value *at*."""
    report.add(Problem(at.node.place, at.path, message, write, alternative, at.node.width))


def lacking(report: Report, below: Cursor, message: str, *, write: str = "", alternative: str = "") -> None:
    """Report that something is missing *below*; the mark stands at its name."""
    width = len(below.written) or 1
    report.add(Problem(below.key, below.path, message, write, alternative, width))


def spell(report: Report, name: str, value: Any) -> str:
    """Return ``name: value`` as the file would write it."""
    quoted = json.dumps(value, ensure_ascii=False)
    if report.source.is_json:
        return f"{json.dumps(name)}: {quoted}"
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
    return f"{name}: {value if plain else quoted}"
