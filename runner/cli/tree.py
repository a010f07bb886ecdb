"""Trees: a line for each node, its children below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from runner.cli.looks import Look


@dataclass(slots=True)
class Node:
    """A line and what hangs below it."""

    text: Text
    children: list[Node] = field(default_factory=list)

    def add(self, text: Text) -> Node:
        """Hang a line below and return its node."""
        child = Node(text)
        self.children.append(child)
        return child


def tree_lines(node: Node, look: Look) -> Iterator[Text]:
    """Draw a node and what is below it."""
    yield node.text
    yield from _below(node.children, look, "")


def _below(children: Sequence[Node], look: Look, indent: str) -> Iterator[Text]:
    for at, child in enumerate(children):
        is_last = at == len(children) - 1
        arm = look.pick("└─ ", "`- ") if is_last else look.pick("├─ ", "|- ")
        yield Text.assemble((indent + arm, "dim"), child.text)
        yield from _below(child.children, look, indent + ("   " if is_last else look.pick("│  ", "|  ")))
