"""docs/s3.md says what the gateway does, and every operation that it serves is proved at the wire."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("s3_operations", str(ROOT / "scripts" / "s3-operations"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_table_is_what_the_script_writes(script: ModuleType) -> None:
    text = (ROOT / "docs" / "s3.md").read_text(encoding="utf-8")
    assert script.document(text) == text, "scripts/s3-operations renews it"


def test_every_operation_that_is_served_is_proved_at_the_wire(script: ModuleType) -> None:
    assert [row.operation for row in script.rows() if not row.fate.startswith("refused") and not row.tests] == []


def test_every_other_operation_is_refused_in_the_words_of_s3(script: ModuleType) -> None:
    refused = [row for row in script.rows() if row.fate.startswith("refused")]
    assert len(refused) > 20
    assert {row.fate for row in refused} <= {"refused: 501 NotImplemented", "refused: 405 MethodNotAllowed"}
    assert not {row.operation for row in refused} & set(script.NOTES)
