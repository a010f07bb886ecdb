"""The programs of tests/clients are what a user would write: where they run is not written in them."""

import re
from pathlib import Path

import pytest

from tests.system.installed import CLIENTS, NPM_VERSION

TESTS = Path(__file__).parent
PROGRAMS = sorted(path for path in (TESTS / "clients").iterdir() if path.is_file())

PLACES = re.compile(
    r"""
    \d+\.\d+\.\d+\.\d+ | localhost | https?://[^$]        # hosts
    | [a-z0-9]:\d{4,5}\b                                  # ports
    | \b[a-z]{2}-[a-z]+-\d\b                              # regions
    | \bAKIA | \brnr_ | (?:access_key\w*|secret\w*|token)["']?\ *[=:]\ *["'][^$"']  # keys
    """,
    re.VERBOSE | re.IGNORECASE,
)


def test_every_client_has_its_program() -> None:
    assert {client.command[1] for client in CLIENTS} == {program.name for program in PROGRAMS}
    assert len(CLIENTS) == len(PROGRAMS) == 19


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_names_no_host_port_region_or_key(program) -> None:
    assert [match[0] for match in PLACES.finditer(program.read_text())] == []


@pytest.mark.parametrize(
    "line", ["http://x", "'10.0.0.1'", "store:9000", "region='eu-west-3'", "aws_access_key_id='abc'", "on localhost"]
)
def test_the_search_finds_what_must_not_be_there(line) -> None:
    assert PLACES.search(line)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_documented_version_is_the_one_that_is_tried(client) -> None:
    documented = (TESTS.parent / "docs" / "clients.md").read_text().splitlines()
    rows = [line.split("|") for line in documented if line.startswith("| ")]
    versions = {version.strip() for row in rows for version in row[2].split(",")}
    pins = [pin.partition("==")[2] for pin in client.pypi[:1]] or [NPM_VERSION]
    assert versions.issuperset(client.release or pin for pin in pins)
