"""The programs of tests/clients are what a user would write: where they run is not written in them."""

import re
from pathlib import Path

import pytest

PROGRAMS = sorted(path for path in Path(__file__).with_name("clients").iterdir() if path.is_file())

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
    assert len(PROGRAMS) == 14


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_names_no_host_port_region_or_key(program) -> None:
    assert [match[0] for match in PLACES.finditer(program.read_text())] == []


@pytest.mark.parametrize(
    "line", ["http://x", "'10.0.0.1'", "store:9000", "region='eu-west-3'", "aws_access_key_id='abc'", "on localhost"]
)
def test_the_search_finds_what_must_not_be_there(line) -> None:
    assert PLACES.search(line)
