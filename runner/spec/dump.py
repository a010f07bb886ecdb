"""An effective spec as YAML for people: lines stay lines."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

_WIDEST = 4096


def as_yaml(document: Mapping[str, Any]) -> str:
    """Return *document* as one YAML document that reads back as the same."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = _WIDEST
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_readable(document), stream)
    return stream.getvalue()


def _readable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_readable(name): _readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    if not isinstance(value, str) or value.isprintable():
        return value
    return LiteralScalarString(value) if _keeps_lines(value) else DoubleQuotedScalarString(value)


def _keeps_lines(text: str) -> bool:
    """Tell whether a literal block holds *text* exactly: no blanks at line ends or before the first line, no tabs."""
    lines = text.split("\n")
    return all(line.isprintable() and line == line.rstrip() for line in lines) and lines[0] == lines[0].lstrip() != ""
