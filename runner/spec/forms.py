"""Values of the wrong form, told in the words of a spec's writer."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runner.spec.nodes import Cursor, Node, shown
from runner.spec.problems import Problem, Report
from runner.spec.schema import PipelineSpec

_WANTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_KINDS = {dict: "a mapping", list: "a list", bool: "true or false", str: "a string", type(None): "null"}


def check_forms(node: Node, merged: dict[str, Any], report: Report) -> PipelineSpec | None:
    """Return *merged* as the schema has it, or None after reporting what has another form in *node*."""
    try:
        return PipelineSpec.model_validate(merged)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            report.add_broken(_problem(Cursor.top(node), error))
        return None


def _problem(top: Cursor, error: ErrorDetails) -> Problem:
    steps = tuple(step for step in error["loc"] if step != "[key]")
    found = top.follow(steps)
    if found.node.value is None or error["input"] is None:
        found = _null_member(found, steps)
    context = error.get("ctx", {})
    wanted = str(context.get("wanted", _WANTED.get(error["type"], error["msg"])))
    given = error["input"]
    write = "" if given is None else str(context.get("write", _example(error["type"], given)))
    value = _KINDS[type(given)] if isinstance(given, (dict, list)) else shown(given)
    return Problem(
        found.node.place,
        found.path,
        f"{found.path} is {value}; it must be {wanted}",
        write=_spell(found, write) if write else "",
        alternative="drop it" if given is None else "",
        width=found.node.width,
    )


def _example(kind: str, given: Any) -> str:
    if kind == "list_type":
        return f"[{shown(given)}]" if isinstance(given, (str, int)) else "[]"
    return "true" if kind == "bool_type" else ""


def _null_member(found: Cursor, steps: tuple[int | str, ...]) -> Cursor:
    """Return the null below *found* that the schema stumbled over: lists and maps may not hold one."""
    value, step = found.node.value, steps[-1]
    if isinstance(value, dict) and isinstance(step, str) and step in value:
        entry = value[step]
        return Cursor(entry.node, f"{found.path}.{entry.written}", entry.written, entry.place)
    return found


def _spell(found: Cursor, write: str) -> str:
    return write if found.path.endswith("]") else f"{found.written}: {write}"
