"""What docs/pachyderm.md promises is shown by tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "pachyderm.md"
VERDICTS = ("**kept**", "**changed**", "**not offered**")
TABLES = ("Datums", "Running the code", "Jobs and commits")
_CELL = re.compile(r"(?<!\\)\|")
_TEST = re.compile(r"`([\w/]+\.py)?::(\w+)`")


def rows() -> list[list[str]]:
    """Return the cells of all rows below the heads of the tables."""
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    found = [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in lines]
    return [cells for cells in found if cells[1] != "Verdict"]


@cache
def defined_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def named_in(cell: str) -> list[tuple[str, str]]:
    """Return the tests that a cell names; ``::name`` is in the file that was named before it."""
    named: list[tuple[str, str]] = []
    for file, name in _TEST.findall(cell):
        named.append((file or named[-1][0], name))
    return named


def test_there_is_a_table_for_each_side_of_it():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(TABLES)
    assert len(rows()) > 80


@pytest.mark.parametrize("cells", rows(), ids=lambda cells: cells[0][:60])
def test_each_row_has_a_verdict_and_tests_that_exist(cells):
    subject, verdict, here, tests = cells
    assert subject
    assert verdict in VERDICTS
    named = named_in(tests)
    assert len(named) == tests.count("::")
    assert named or verdict == "**not offered**"
    assert here or verdict == "**kept**"
    for file, name in named:
        assert name in defined_in(file), f"{file}::{name}"
