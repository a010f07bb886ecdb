"""The command line as its users meet it: arguments in, status and streams out, over a store of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from runner.cli.app import execute


class Said(NamedTuple):
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Runner = Callable[..., Said]


@pytest.fixture
def runner(tmp_path, monkeypatch, capfd) -> Runner:
    """Run commands in this process, each on the same fresh store."""
    monkeypatch.setenv("RUNNER_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> Said:
        capfd.readouterr()
        status = execute(argv)
        return Said(status, *capfd.readouterr())

    return run


@pytest.fixture
def labresults(tmp_path):
    """A folder of lab results."""
    folder = tmp_path / "labresults"
    for name, size in (("2026/ward-03/hba1c.csv", 2000), ("2026/ward-07/ä +=.csv", 20), ("units.json", 3)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return folder


@pytest.fixture
def spec(tmp_path) -> Callable[..., str]:
    """Write a spec that runs a shell script over ``labresults`` and return its path."""

    def write(script: str, name: str = "lab_summary", **fields: Any) -> str:
        document = {
            "pipeline": {"name": name},
            "input": {"pfs": {"repo": "labresults", "glob": "/", "s3": True}},
            "s3_out": True,
            "transform": {"cmd": ["sh"], "stdin": [script]},
            "datum_tries": 1,
            **fields,
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write
