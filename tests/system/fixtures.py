"""What the system and the long lane stand on: installed clients, sample data, and `runner` as a process."""

import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.system.command import Runner
from tests.system.installed import BY_NAME, ROOT, build, install
from tests.system.postgres import Postgres, running

Installed = Callable[[str], Mapping[str, str]]


@pytest.fixture(scope="session")
def installed() -> Installed:
    """Install a client by its name; the folder survives the run, and is not below /tmp, which jobs may hide."""
    return lambda name: install(BY_NAME[name], _cache())


@pytest.fixture(scope="session")
def built() -> Callable[[str], Path]:
    """Build a server by its name; the folder survives the run."""
    return lambda name: build(name, _cache())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server; each test makes a database of its own."""
    with running() as server:
        yield server


@pytest.fixture
def runner(tmp_path) -> Runner:
    """Give `runner` with an empty store."""
    return Runner(tmp_path)


@pytest.fixture(scope="session")
def labresults(tmp_path_factory) -> Path:
    """Ten plates of readings, a note with an odd name, and a scan large enough for multipart."""
    folder = tmp_path_factory.mktemp("labresults")
    chance = random.Random(0)
    for plate in range(1, 11):
        readings = [
            f"{plate:02}-{sample:04},{analyte},{chance.uniform(0, 100):.3f}"
            for sample in range(200)
            for analyte in ("glucose", "lactate", "sodium")
        ]
        _write(folder / f"plates/plate-{plate:02}.csv", "\n".join(["sample,analyte,value", *readings, ""]).encode())
    _write(folder / "notes/größe + maß=1 (final).txt", "Schöne Grüße\n".encode())
    _write(folder / "scans/scan.bin", chance.randbytes(12 * 2**20))
    return folder


@pytest.fixture
def figures(capsys) -> Callable[[str], None]:
    """Tell what a test found: at once, or with the others' when `scripts/test` is done."""

    def show(line: str) -> None:
        gathered = os.environ.get("RUNNER_TEST_FIGURES")
        if gathered:
            with Path(gathered).open("a") as file:
                file.write(f"{line}\n")
            return
        with capsys.disabled():
            sys.stdout.write(f"\n{line}")

    return show


def _cache() -> Path:
    return Path(os.environ.get("RUNNER_TEST_CACHE", ROOT / ".cache" / "clients")).resolve()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
