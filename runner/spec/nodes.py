"""A file's content as a tree that remembers where each value stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.spec.problems import Place

Scalar = str | int | float | bool | None

SCHEMA_KEY = "$schema"
"""Names the JSON Schema of a file, for editors; no field."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value under a key: *written* is the key as it stands in the file, *place* the key's."""

    written: str
    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value: a scalar, a list, or a mapping.

    Attributes:
        value: Lists hold nodes, mappings entries by name.
        place: Of its first character.
        width: Characters of it on its first line.
    """

    value: Scalar | list[Node] | dict[str, Entry]
    place: Place
    width: int = 1

    def plain(self) -> Any:
        """Return the value as JSON values."""
        if isinstance(self.value, dict):
            return {name: entry.node.plain() for name, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True, slots=True)
class Cursor:
    """A node together with how one gets there, in the names of the file.

    Attributes:
        path: ``input.cross[0].pfs``; empty at the top.
        written: The last name of the path, as the file writes it.
        key: Where the name stands; the node's own place at the top and in lists.
    """

    node: Node
    path: str
    written: str
    key: Place

    @classmethod
    def top(cls, node: Node) -> Cursor:
        """Start at the top of one spec."""
        return cls(node, "", "", node.place)

    def get(self, name: str) -> Cursor | None:
        """Return the field *name*, or None when it is absent or null."""
        if not isinstance(self.node.value, dict):
            return None
        entry = self.node.value.get(name)
        if entry is None or entry.node.value is None:
            return None
        path = f"{self.path}.{entry.written}" if self.path else entry.written
        return Cursor(entry.node, path, entry.written, entry.place)

    def items(self) -> Iterator[Cursor]:
        """Yield the values of a list or mapping; nothing for a scalar."""
        if isinstance(self.node.value, list):
            for index, node in enumerate(self.node.value):
                yield Cursor(node, f"{self.path}[{index}]", self.written, node.place)
        elif isinstance(self.node.value, dict):
            for name in self.node.value:
                found = self.get(name)
                if found is not None:
                    yield found

    def follow(self, steps: tuple[int | str, ...]) -> Cursor:
        """Walk *steps* as far as they lead."""
        here = self
        for step in steps:
            found = None
            if isinstance(step, str):
                found = here.get(step)
            elif isinstance(here.node.value, list) and step < len(here.node.value):
                node = here.node.value[step]
                found = Cursor(node, f"{here.path}[{step}]", here.written, node.place)
            if found is None:
                return here
            here = found
        return here

    def text(self, name: str) -> str:
        """Return the string field *name*; empty when absent or of another kind, as protobuf has it."""
        found = self.get(name)
        return found.node.value if found and isinstance(found.node.value, str) else ""

    def is_blank(self, name: str) -> bool:
        """Tell whether the field *name* is absent, null or the empty string, which protobuf takes for the same."""
        found = self.get(name)
        return found is None or found.node.value == ""

    def flag(self, name: str) -> bool:
        """Tell whether the field *name* is true."""
        found = self.get(name)
        return found is not None and found.node.value is True

    def children(self, name: str) -> list[Cursor]:
        """Return the members of the list field *name*; empty when absent or no list."""
        found = self.get(name)
        return list(found.items()) if found and isinstance(found.node.value, list) else []


def shown(value: Any) -> str:
    """Return *value* as JSON, cut to what fits a sentence."""
    limit = 60
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
