"""Whatever names a command names one that exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from runner.cli import app

ROOT = Path(__file__).parents[2]
_COMMAND = re.compile(r"\brunner ([a-z][a-z0-9]*)(?: ([a-z]+))?")


def named_in_hints() -> Iterator[tuple[str, str]]:
    """Yield each text of an error's hint in the sources, and where it stands."""
    for path in sorted((ROOT / "runner").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg in {"hint", "nothing"}:
                for part in ast.walk(node.value):
                    if isinstance(part, ast.Constant) and _COMMAND.search(str(part.value)):
                        yield f"{path.relative_to(ROOT)}:{node.value.lineno}", str(part.value)


def named_in_documents() -> Iterator[tuple[str, str]]:
    """Yield each piece of code in the documents."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for fenced, inline in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", path.read_text(), re.DOTALL):
            for line in (fenced or inline).splitlines():
                if line.startswith("runner "):
                    yield path.name, line


NAMED = [*named_in_hints(), *named_in_documents()]


@pytest.mark.parametrize(("place", "text"), [pytest.param(*named, id=named[0]) for named in NAMED])
def test_a_command_that_a_hint_or_a_document_names_exists(place, text):
    for noun, verb in _COMMAND.findall(text):
        assert noun in app.COMMANDS, (place, text)
        command = app.COMMANDS[noun].load()
        if isinstance(command, click.Group):
            assert verb in command.commands, (place, text)


def test_there_are_hints_and_documents_to_look_at():
    assert {"README.md", "statuses.md"} <= {place for place, _ in NAMED}
    assert any("runner job list" in text for place, text in NAMED if place.startswith("runner/cli/"))
