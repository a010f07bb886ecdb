"""A spec's problems for people and for machines.

For people each is a place, what is wrong, the line with a mark below it, what to write, and another way out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from runner.cli.looks import FAILED, Look
from runner.cli.words import visible
from runner.spec.problems import InvalidSpec, Notice, Problem, Source

_QUOTED = re.compile(r'"[^"]*"')
_WIDEST = 100
_INDENT = "  "
_LABEL = 8
_LEAD = 24  # characters kept before a mark when a long line is cut at its left


def problem_lines(error: InvalidSpec, look: Look) -> list[Text]:
    """Return all problems of a file, then how the command ended."""
    lines: list[Text] = []
    for problem in error.problems:
        lines += [*_problem(error.source, problem, look), Text()]
    count = len(error.problems)
    end = f"{count} problem{'s' if count > 1 else ''}; nothing ran, exit status 2"
    return [*lines, Text(f"{_INDENT}{end}", style="dim")]


def _problem(source: Source, problem: Problem, look: Look) -> list[Text]:
    mark = f"{look.pick(FAILED.glyph, FAILED.ascii)} "
    sentence = _with_quotes_bold(f"  {problem.message}")
    head = Text.assemble((mark, FAILED.style), (visible(source.at(problem.place)), "bold"), sentence)
    ways = (("write", problem.write), ("or" if problem.write else "do", problem.alternative))
    return [
        head,
        *_excerpt(source, problem, look),
        *(
            Text.assemble(_INDENT, (f"{label:<{_LABEL - 1}}", "dim"), _with_quotes_bold(way))
            for label, way in ways
            if way
        ),
    ]


def _with_quotes_bold(text: str) -> Text:
    shown = Text(visible(text))
    shown.highlight_regex(_QUOTED, "bold")
    return shown


def _excerpt(source: Source, problem: Problem, look: Look) -> list[Text]:
    """Return the line of the problem and a mark below the wrong text; a long line is cut on both sides."""
    if not 0 < problem.place.line <= len(source.lines) or not source.lines[problem.place.line - 1].strip():
        return []
    number = str(problem.place.line)
    line = source.lines[problem.place.line - 1].replace("\t", " ")
    room = max(_LEAD * 2, (look.columns or _WIDEST) - len(number) - len(_INDENT) * 2 - 4)
    start = problem.place.column - 1
    ellipsis = look.pick("…", "...")
    if len(line) > room and start > _LEAD:
        cut = min(start - _LEAD, len(line) - room)
        line, start = ellipsis + line[cut + len(ellipsis) :], start - cut
    if len(line) > room:
        line = line[: room - len(ellipsis)] + ellipsis
    line = visible(line)
    under = "^" * max(1, min(cell_len(line[start : start + problem.width]), cell_len(line[start:])))
    gutter = " " * len(number)
    return [
        Text.assemble(_INDENT, (f"{number} | ", "dim"), line),
        Text.assemble(_INDENT, (f"{gutter} | ", "dim"), " " * cell_len(line[:start]), (under, FAILED.style)),
    ]


def notice_lines(source: Source, notices: tuple[Notice, ...], look: Look) -> list[Text]:
    """Return one line for each warning."""
    mark = f"{look.pick('▲', '!')} "
    return [
        Text.assemble((mark, "yellow"), (visible(source.at(notice.place)), "bold"), "  ", visible(notice.message))
        for notice in notices
    ]


def problem_document(problem: Problem) -> Mapping[str, Any]:
    """Return a problem for ``-o json``."""
    return {
        "line": problem.place.line,
        "column": problem.place.column,
        "field": problem.path,
        "message": problem.message,
        **({"write": problem.write} if problem.write else {}),
        **({"alternative": problem.alternative} if problem.alternative else {}),
    }


def notice_document(notice: Notice) -> Mapping[str, Any]:
    """Return a warning for ``-o json``."""
    return {
        "line": notice.place.line,
        "column": notice.place.column,
        "field": notice.path,
        "message": notice.message,
    }
