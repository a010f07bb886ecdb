"""Field names: both styles into JSON names, and a suggestion for each name that no field has."""

from __future__ import annotations

import difflib
from collections import defaultdict
from functools import cache

from runner.spec.fates import FieldFate, Message, fields_of, snake_name, walk
from runner.spec.nodes import Entry, Node, Scalar
from runner.spec.problems import Place, Problem, Report
from runner.spec.schema import PipelineSpec


def canonical(node: Node, report: Report, message: type[Message] = PipelineSpec, path: str = "") -> Node:
    """Return *node* with JSON names; what is no field of *message* is reported and left out."""
    if not isinstance(node.value, dict):
        return node
    known = _known(message)
    entries: dict[str, Entry] = {}
    for written, entry in node.value.items():
        here = f"{path}.{written}" if path else written
        field = known.get(written)
        if field is None:
            report.add(_unknown(message, written, entry.place, here))
        elif field.name in entries:
            first = entries[field.name]
            text = f"{here} is {first.written} in its other spelling, which line {first.place.line} gives already"
            report.add(Problem(entry.place, here, text, write=f"{first.written} alone", width=len(written)))
        else:
            entries[field.name] = Entry(written, entry.place, _inner(entry.node, report, field, here))
    return Node(entries, node.place, node.width)


def _inner(node: Node, report: Report, field: FieldFate, path: str) -> Node:
    if field.message is None:
        return node
    if not field.is_list:
        return canonical(node, report, field.message, path)
    if not isinstance(node.value, list):
        return node
    members: list[Node] | Scalar = [
        canonical(member, report, field.message, f"{path}[{index}]") for index, member in enumerate(node.value)
    ]
    return Node(members, node.place, node.width)


@cache
def _known(message: type[Message]) -> dict[str, FieldFate]:
    """Return the fields of *message* under both spellings."""
    known: dict[str, FieldFate] = {}
    for field in fields_of(message):
        known[field.name] = known[snake_name(field.name)] = field
    return known


@cache
def _everywhere() -> dict[str, list[str]]:
    """Return the paths of every field name, to tell where a misplaced one belongs."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for path, field in walk(PipelineSpec):
        for name in {field.name, snake_name(field.name)}:
            paths[name].append(path.removesuffix("[]"))
    return paths


def _unknown(message: type[Message], written: str, place: Place, path: str) -> Problem:
    text = f"{path} is not a field of a pipeline spec"
    width = len(written)
    near = _nearest(message, written)
    if near:
        return Problem(place, path, f"{text}; did you mean {near}?", write=near, width=width)
    places = [place for place in _everywhere().get(written, []) if not place.startswith(("specCommit", "service"))]
    if places:
        return Problem(place, path, f"{text}; it belongs to {_parent(places[0])}", write=places[0], width=width)
    return Problem(place, path, text, alternative="drop it", width=width)


def _parent(path: str) -> str:
    return path.rpartition(".")[0] or "the top of the spec"


def _nearest(message: type[Message], written: str) -> str:
    """Return the field whose name is closest to *written*, in the same style; empty when none is near."""
    known = _known(message)
    folded = {name.replace("_", "").lower(): name for name in known if "_" not in name or "_" in written}
    found = difflib.get_close_matches(written.replace("_", "").lower(), folded, n=1, cutoff=0.75)
    return folded[found[0]] if found else ""
