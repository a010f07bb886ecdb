import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.spec import plain_json
from runner.spec.load import load
from runner.spec.pipelines import read_pipelines
from runner.spec.problems import InvalidSpec, Place, Report
from runner.spec.source import read_source
from tests.spec.specs import MINIMAL

patient = settings(deadline=None, max_examples=150)
words = st.text(st.characters(max_codepoint=0x2FF), max_size=8) | st.sampled_from(
    ["$schema", "<<", "a: b", "- ", "#", "~", "yes"]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**21), 10**21) | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def with_places(text: str):
    source, text = read_source("x", text.encode())
    report = Report(source)
    nodes = load(text, report)
    return [node.plain() for node in nodes], report.problems


@patient
@given(st.dictionaries(words, documents, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_what_is_plain_is_read_as_the_parser_with_places_reads_it(document, indent, is_ascii) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    nodes = plain_json.load(text)
    if nodes is not None:
        assert ([node.plain() for node in nodes], []) == with_places(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": -0}',
        '{"a": 12345678901234567890}',
        '{"a": "é"}',
        '{"a": "\\ud800"}',
        '{"a": 1}{"b": 2}',
        '{"a": 1,}',
        "{a: 1}",
        "[]",
        "[null]",
        "[[{}]]",
        "{" + '"a":{' * 70 + "}" * 71,
        '{"a": "' + "x" * 20_000 + '"}',
    ],
)
def test_what_is_not_plain_is_left_to_the_parser_with_places(text) -> None:
    assert plain_json.load(text) is None


def test_a_spec_without_problems_is_the_same_in_json_and_yaml() -> None:
    data = json.dumps(MINIMAL).encode()
    (one,), (other,) = read_pipelines("x", data), read_pipelines("x", b"# YAML\n" + data)
    assert (one.pipeline, one.written, one.warnings) == (other.pipeline, other.written, other.warnings)


def test_a_problem_in_plain_json_has_its_place() -> None:
    with pytest.raises(InvalidSpec) as caught:
        read_pipelines("x", (json.dumps(MINIMAL)[:-1] + ',\n "inputt": {}}').encode())
    assert caught.value.problems[0].place == Place(2, 2)
