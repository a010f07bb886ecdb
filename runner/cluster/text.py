"""Manifests as text: YAML documents for people and kubectl, or one List as JSON.

kubectl reads YAML as its version 1.1 has it, in which ``on`` and ``no`` are booleans: whatever might be more than text
stands in quotes.

Source: https://yaml.org/type/bool.html
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_WIDEST = 4096
_PLAIN = re.compile(r"(--)?[A-Za-z/]([-A-Za-z0-9_./:]*[-A-Za-z0-9_./])?")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def as_yaml(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return *manifests* as YAML documents, in their order, fields in theirs."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.width = _WIDEST
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump_all([_written(manifest) for manifest in manifests], stream)
    return stream.getvalue()


def as_list(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return *manifests* as one JSON document, which ``kubectl apply`` reads as well."""
    document = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _written(value: Any) -> Any:
    """Return *value* with every string in the style that keeps it one."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, Mapping):
        return {_written(name): _written(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(inner) for inner in value]
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT):
        return value
    return LiteralScalarString(value) if _is_block(value) else DoubleQuotedScalarString(value)


def _is_block(text: str) -> bool:
    """Tell whether a literal block shows *text* better than quotes, and holds it exactly."""
    lines = text.split("\n")
    is_exact = all(line.isprintable() and line == line.rstrip() for line in lines) and lines[0] == lines[0].lstrip()
    return is_exact and lines[0] != "" and len(lines) > 1
