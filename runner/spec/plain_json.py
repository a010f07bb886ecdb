"""Plain JSON into trees without places, by the standard library's parser.

Most specs are right, and then nobody asks where something stands. `load.load` knows all places, and takes many times
as long to be imported and to read: it gets what is not plain, and what turned out to have a problem.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from runner.spec.nodes import SCHEMA_KEY, Entry, Node
from runner.spec.problems import Place

_LONGEST = 16 * 1024  # characters; far below the limits of `load` on values
_MOST_BRACKETS = 60  # below its limit on depth, however they are nested
_NOT_PLAIN = re.compile(r"[^\t\n\r -~]|\\u(?!00[2-7])")
"""Beyond printable ASCII, also as an escape: YAML reads that with more care."""
_INT = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NOWHERE = Place()


def load(text: str) -> list[Node] | None:
    """Return each pipeline's mapping, as `load.load` does but for the places; None: it must read the text."""
    brackets = text.count("{") + text.count("[")
    if len(text) > _LONGEST or brackets > _MOST_BRACKETS or _NOT_PLAIN.search(text):
        return None
    try:
        root = json.loads(
            text, object_pairs_hook=_entries, parse_int=_integer, parse_float=_float, parse_constant=_refuse
        )
    except ValueError:
        return None
    pipelines = [_node(member) for member in (root if isinstance(root, list) else [root])]
    return pipelines if pipelines and all(isinstance(node.value, dict) for node in pipelines) else None


def _entries(pairs: list[tuple[str, Any]]) -> dict[str, Entry]:
    entries = {name: Entry(name, _NOWHERE, _node(value)) for name, value in pairs}
    if len(entries) < len(pairs):
        _refuse("a name that is given twice")
    entries.pop(SCHEMA_KEY, None)
    return entries


def _node(value: Any) -> Node:
    return Node([_node(member) for member in value] if isinstance(value, list) else value, _NOWHERE)


def _integer(text: str) -> int:
    return int(text) if _INT.fullmatch(text) else _refuse(text)


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(what: str) -> NoReturn:
    raise ValueError(what)
