"""The table of all fields for the documentation, from the schema."""

from __future__ import annotations

from runner.spec.fates import Fate, walk
from runner.spec.schema import PipelineSpec

_HEAD = "| Field | Type | Fate | Meaning |\n|---|---|---|---|\n"


def field_table() -> str:
    """Return a Markdown table of every field of a spec, in the order of the schema, each line with its end."""
    lines = []
    for path, field in walk(PipelineSpec):
        note = f". {field.note[:1].upper()}{field.note[1:]}" if field.note else ""
        fate = f"**{field.fate}**" if field.fate is Fate.REFUSED else field.fate
        lines.append(f"| `{path}` | {field.kind} | {fate} | {field.doc}{note} |\n".replace("{", "&#123;"))
    return _HEAD + "".join(lines)
