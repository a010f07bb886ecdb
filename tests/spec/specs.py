"""Specs for tests: a minimal good one, changed field by field."""

import json
from collections.abc import Mapping
from typing import Any

from runner.spec.effective import merge
from runner.spec.pipelines import Loaded, read_pipelines
from runner.spec.problems import InvalidSpec, Problem

MINIMAL: Mapping[str, Any] = {
    "pipeline": {"name": "p"},
    "transform": {"cmd": ["sh"]},
    "input": {"pfs": {"repo": "data", "glob": "/*"}},
}


def load(text: str, name: str = "spec.yaml") -> list[Loaded]:
    return list(read_pipelines(name, text.encode()))


def load_with(changes: Mapping[str, Any]) -> Loaded:
    """Return the minimal spec with *changes* merged in; null removes."""
    return load(json.dumps(merge(MINIMAL, changes)))[0]


def problems_in(text: str) -> list[Problem]:
    try:
        load(text)
    except InvalidSpec as error:
        return list(error.problems)
    return []


def problems_with(changes: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the minimal spec when *changes* are merged in."""
    return [problem.message for problem in problems_in(json.dumps(merge(MINIMAL, changes)))]


def problems_with_input(node: Any) -> list[str]:
    return [problem.message for problem in problems_in(json.dumps({**MINIMAL, "input": node}))]
