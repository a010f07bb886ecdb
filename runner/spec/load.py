"""Bytes into trees with places: JSON and YAML as Pachyderm reads them, JSON being parsed as YAML.

Only what a spec needs of YAML is read: no anchors, no merge keys, five tags, decimal integers. The parser's
events are taken one by one and counted, so that nesting and size end in a sentence, not in memory.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/internal/ppsutil/decoder.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from runner.spec.nodes import SCHEMA_KEY, Entry, Node, Scalar, shown
from runner.spec.problems import InvalidSpec, Place, Problem, Report

DEPTH_LIMIT = 64
NODES_LIMIT = 20_000

_TAG_PREFIX = "tag:yaml.org,2002:"
_TAGS = frozenset({"str", "int", "float", "bool", "null"})
_INT = re.compile(r"0|-?[1-9][0-9]*")
_INT_OF_YAML = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(r"-?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def load(text: str, report: Report) -> list[Node]:
    """Return each pipeline's mapping, in file order: one mapping, a list of mappings, or several documents.

    Raises:
        InvalidSpec: The text cannot be parsed, or goes beyond a limit.
    """
    pipelines: list[Node] = []
    for root in _Builder(report).documents(text):
        members = root.value if isinstance(root.value, list) else [root]
        for node in members:
            if isinstance(node.value, dict):
                pipelines.append(node)
            elif node.value is not None or members is root.value:
                message = f"{shown(node.plain())} is no pipeline; a spec is a mapping, or a list of mappings"
                report.add_broken(Problem(node.place, "", message, width=node.width))
    if not pipelines and not report.problems:
        report.add(Problem(Place(), "", "there is no pipeline in the file"))
    return pipelines


class _Open:
    """A list or mapping whose end has not come yet."""

    def __init__(self, event: NodeEvent) -> None:
        self.node = Node({} if isinstance(event, MappingStartEvent) else [], _place(event.start_mark))
        self.key: tuple[str | None, Place] | None = None


class _Builder:
    """Turns events into nodes with a stack of its own, so that depth is a number and not a recursion."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: list[_Open] = []
        self._count = 0

    def documents(self, text: str) -> Iterator[Node]:
        """Yield each document's root."""
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                root = self._take(event)
                if root is not None:
                    yield root
        except YAMLError as exc:
            raise InvalidSpec(self._report.source, [*self._report.problems, _syntax_problem(exc, text)]) from exc

    def _take(self, event: Any) -> Node | None:
        if isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            return self._attach(self._open.pop().node)
        if not isinstance(event, NodeEvent):
            return None
        self._check_limits(event)
        if isinstance(event, AliasEvent) or event.anchor is not None:
            self._complain(event, "anchors and aliases (&name, *name) are not read", "write the value out")
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._check_collection_tag(event)
            self._open.append(_Open(event))
            return None
        if isinstance(event, ScalarEvent):
            return self._attach(Node(self._scalar(event), _place(event.start_mark), _width(event)), event)
        return self._attach(Node(None, _place(event.start_mark), _width(event)))

    def _check_limits(self, event: NodeEvent) -> None:
        self._count += 1
        message = ""
        if len(self._open) >= DEPTH_LIMIT:
            message = f"values are nested deeper than {DEPTH_LIMIT} levels"
        elif self._count > NODES_LIMIT:
            message = f"the file holds more than {NODES_LIMIT:,} values"
        if message:
            raise InvalidSpec(self._report.source, [Problem(_place(event.start_mark), "", message)])

    def _attach(self, node: Node, event: ScalarEvent | None = None) -> Node | None:
        """Put a whole *node* into what is open; return it when nothing is."""
        if not self._open:
            return node
        parent = self._open[-1]
        held = parent.node.value
        if isinstance(held, list):
            held.append(node)
        elif isinstance(held, dict) and parent.key is not None:
            self._add_entry(held, *parent.key, node)
            parent.key = None
        else:
            parent.key = self._key(node, event)
        return None

    def _key(self, node: Node, event: ScalarEvent | None) -> tuple[str | None, Place]:
        """Return a key and its place; None for what is no key of a spec."""
        if event is not None and event.value == "<<" and event.style is None:
            self._report.add_broken(
                Problem(node.place, "", "merge keys (<<) are not read", alternative="write the fields out", width=2)
            )
        elif not isinstance(node.value, str):
            message = f"the key {shown(node.plain())} is not a string"
            self._report.add_broken(Problem(node.place, "", message, alternative="put it in quotes", width=node.width))
        return (node.value if isinstance(node.value, str) else None, node.place)

    def _add_entry(self, entries: dict[str, Entry], name: str | None, place: Place, node: Node) -> None:
        if name is None or name == SCHEMA_KEY:
            return
        if name in entries:
            first = entries[name].place.line
            message = f"{name} is given twice; the first is in line {first}"
            self._report.add(Problem(place, name, message, alternative="keep one of them", width=len(name)))
            return
        entries[name] = Entry(name, place, node)

    def _scalar(self, event: ScalarEvent) -> Scalar:
        tag = _short_tag(event)
        if tag is not None and tag not in _TAGS:
            self._complain(event, f"the tag {event.tag} is not read", "drop the tag")
            return None
        text: str = event.value
        if tag == "str" or (tag is None and event.style is not None):
            return self._string(event, text)
        if tag is None and not text:
            return None
        value = self._plain_scalar(event, text)
        wanted = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}.get(tag or "")
        if wanted and type(value) not in wanted:
            self._complain(event, f"{shown(text)} is no {tag}", "drop the tag")
        return value

    def _plain_scalar(self, event: ScalarEvent, text: str) -> Scalar:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INT.fullmatch(text):
            return self._integer(event, text)
        if _INT_OF_YAML.fullmatch(text):
            self._complain(
                event, f"{text} is no plain decimal integer", f"write {shown(text)} if it is text, else in decimal"
            )
            return text
        if _FLOAT.fullmatch(text):
            return self._float(event, text)
        if _NOT_FINITE.fullmatch(text):
            self._complain(event, f"{text} is not a finite number", f"write {shown(text)} if it is text")
            return text
        return self._string(event, text)

    def _integer(self, event: ScalarEvent, text: str) -> int:
        longest = 20  # digits and sign of any 64-bit integer
        if len(text) > longest:
            self._complain(
                event, "the number does not fit 64 bits", "write a smaller number, or in quotes if it is text"
            )
            return 0
        return int(text)

    def _float(self, event: ScalarEvent, text: str) -> float:
        value = float(text)
        if value in (float("inf"), float("-inf")):
            self._complain(event, f"{shown(text)} is not a finite number", "write a smaller number")
            return 0.0
        return value

    def _string(self, event: ScalarEvent, text: str) -> str:
        """Join the halves of surrogate pairs, which is how JSON escapes what lies beyond U+FFFF."""
        if text.isascii():
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._complain(event, "the text holds half of a surrogate pair", "write the whole character")
            return ""

    def _check_collection_tag(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        if _short_tag(event) not in (None, "map", "seq"):
            self._complain(event, f"the tag {event.tag} is not read", "drop the tag")

    def _complain(self, event: NodeEvent, message: str, way_out: str) -> None:
        self._report.add_broken(
            Problem(_place(event.start_mark), "", message, alternative=way_out, width=_width(event))
        )


def _short_tag(event: Any) -> str | None:
    """Return the tag that the file gives explicitly, without YAML's prefix; ``!`` alone means a string."""
    tag = event.tag
    if tag is None:
        return None
    tag = str(tag)
    return "str" if tag == "!" else tag.removeprefix(_TAG_PREFIX)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _width(event: NodeEvent) -> int:
    start, end = event.start_mark, event.end_mark
    return max(1, end.column - start.column) if start.line == end.line else 1


def _syntax_problem(exc: YAMLError, text: str) -> Problem:
    if isinstance(exc, MarkedYAMLError):
        mark = exc.problem_mark or exc.context_mark
        what = " ".join(part for part in (exc.context, exc.problem) if part)
        return Problem(_place(mark) if mark else Place(), "", f"the file cannot be parsed: {what}")
    if isinstance(exc, ReaderError):
        before = text[: exc.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Problem(place, "", f"the character U+{ord(text[exc.position]):04X} is not allowed in a spec")
    return Problem(Place(), "", "the file cannot be parsed")
