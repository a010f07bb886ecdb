import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.spec.load import DEPTH_LIMIT, NODES_LIMIT
from runner.spec.load import load as load_nodes
from runner.spec.pipelines import read_pipelines
from runner.spec.problems import InvalidSpec, Place, Report
from runner.spec.source import SIZE_LIMIT_BYTES, read_source
from tests.spec.specs import MINIMAL, load, problems_in

YAML = """\
pipeline: {name: %s}
transform: {cmd: [sh]}
input: {pfs: {repo: data, glob: /}}
"""


def values(text: str):
    source, text = read_source("x", text.encode())
    report = Report(source)
    nodes = load_nodes(text, report)
    report.raise_if_any()
    return [node.plain() for node in nodes]


def complaint(data: bytes) -> str:
    with pytest.raises(InvalidSpec) as caught:
        read_pipelines("x", data)
    error = caught.value
    return "\n".join(f"{error.source.at(problem.place)}  {problem.message}" for problem in error.problems)


patient = settings(deadline=None, max_examples=60)  # the parser is slow beside a busy machine, not wrong

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@patient
@given(st.dictionaries(st.text(max_size=5).filter(lambda key: key != "$schema"), json_values, max_size=4))
def test_json_is_read_as_json_has_it(document):
    def without_schema(value):
        if isinstance(value, dict):
            return {key: without_schema(inner) for key, inner in value.items() if key != "$schema"}
        return [without_schema(inner) for inner in value] if isinstance(value, list) else value

    expected = without_schema(document)
    assert values(json.dumps(document)) == [expected]
    assert values(json.dumps(document, indent="\t")) == [expected]


@patient
@given(st.text())
def test_any_text_ends_in_pipelines_or_one_clear_error(text):
    try:
        read_pipelines("x", text.encode("utf-8", "surrogatepass"))
    except InvalidSpec as error:
        assert error.problems  # noqa: PT017 -- both ends are good


@patient
@given(st.binary())
def test_any_bytes_end_in_pipelines_or_one_clear_error(data):
    try:
        read_pipelines("x", data)
    except InvalidSpec as error:
        assert error.problems  # noqa: PT017 -- both ends are good


fragments = st.sampled_from(
    ["pipeline", "name", "input", "cross", "pfs", ": ", "- ", "[", "]", "{", "}", ",", "\n", "  ", "\t", '"', "'", "|",
     "&a ", "*a", "<<", "!!int ", "!x ", "---\n", "0x1", "~", "true", "1", "#", "? ", "%YAML 1.1\n", "é", "\\u"]
)  # fmt: skip


@patient
@given(st.lists(fragments, max_size=30))
def test_what_looks_like_yaml_never_breaks_the_reader(parts):
    try:
        load("".join(parts))
    except InvalidSpec as error:
        assert error.problems  # noqa: PT017 -- both ends are good


@patient
@given(json_values)
def test_a_spec_of_any_shape_never_breaks_the_rules(value):
    fields = ("pipeline", "transform", "input", "tolerations", "podPatch", "egress", "service", "datumTimeout")
    for field in fields:
        problems_in(json.dumps({**MINIMAL, field: value}))
        problems_in(json.dumps({**MINIMAL, "input": {"pfs": value}}))
        problems_in(json.dumps({**MINIMAL, "input": {"cross": [{"pfs": value}, value]}}))


def test_one_mapping_a_list_and_several_documents_are_pipelines():
    assert [one.pipeline.name for one in load(YAML % "a")] == ["a"]
    assert [one.pipeline.name for one in load(f"[{json.dumps(MINIMAL)}]")] == ["p"]
    assert [one.pipeline.name for one in load(f"{YAML % 'a'}---\n{YAML % 'b'}---\n")] == ["a", "b"]


def test_an_empty_file_is_refused():
    assert "is empty" in complaint(b"  \n")
    assert "no pipeline in the file" in complaint(b"# nothing\n")


def test_what_is_no_mapping_is_refused():
    assert '"text" is no pipeline' in complaint(b"text")
    assert "1 is no pipeline" in complaint(b"[1]")


def test_text_that_is_not_utf_8_is_refused_at_its_place():
    assert complaint(b"a: 1\nb: \xff\n") == "x:2:4  the file is not UTF-8"


def test_a_byte_order_mark_is_no_text():
    assert read_pipelines("x", b"\xef\xbb\xbf" + (YAML % "a").encode())[0].pipeline.name == "a"


def test_nesting_has_a_limit():
    assert f"deeper than {DEPTH_LIMIT} levels" in complaint(b"[" * 100_000)


def test_values_have_a_limit():
    assert f"more than {NODES_LIMIT:,} values" in complaint(b"[" + b"1," * (NODES_LIMIT + 1) + b"]")


def test_the_file_has_a_limit():
    assert f"larger than {SIZE_LIMIT_BYTES:,} bytes" in complaint(b" " * (SIZE_LIMIT_BYTES + 1))


def test_an_alias_bomb_is_refused_at_its_first_anchor():
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
    assert "x:1:4  anchors and aliases (&name, *name) are not read" in complaint(bomb.encode())


def test_merge_keys_are_refused():
    assert "x:1:5  merge keys (<<) are not read" in complaint(b"a: {<<: {b: 1}}")


@pytest.mark.parametrize("text", ["0x10", "0o7", "0b1", "010", "1_000", "+1", "-0"])
def test_integers_are_plain_decimal(text):
    assert problems_in((YAML % "a") + f"datumTries: {text}\n")[0].message == f"{text} is no plain decimal integer"


@pytest.mark.parametrize("tag", ["!!timestamp", "!!binary", "!mine", "!!python/object:os.system"])
def test_other_tags_are_refused(tag):
    assert any("the tag" in problem.message for problem in problems_in(f"a: {tag} x"))


def test_the_five_tags_are_read():
    text = "a: !!str 1\nb: !!int 2\nc: !!float 1.5\nd: !!bool true\ne: !!null ~\nf: !!str\n"
    assert values(text) == [{"a": "1", "b": 2, "c": 1.5, "d": True, "e": None, "f": ""}]
    assert "is no int" in complaint(b"a: !!int x")


def test_plain_words_are_what_yaml_1_2_says():
    assert values("{a: yes, b: on, c: ~, d: Null, e: TRUE, f: .5, g: 2026-11-21, h: }") == [
        {"a": "yes", "b": "on", "c": None, "d": None, "e": True, "f": 0.5, "g": "2026-11-21", "h": None}
    ]
    assert "not a finite number" in complaint(b"a: .inf")


def test_schema_keys_are_dropped_at_every_level():
    assert values('{"$schema": "x", "a": {"$schema": "y", "b": 1}}') == [{"a": {"b": 1}}]


def test_keys_are_strings():
    assert "the key 1 is not a string" in complaint(b"1: x")
    assert "is not a string" in complaint(b"? [a]\n: x")


def test_a_key_given_twice_names_the_first():
    problem = problems_in(f"{YAML % 'a'}pipeline: {{}}\n")[0]
    assert (problem.place, problem.message) == (Place(4, 1), "pipeline is given twice; the first is in line 1")


def test_escaped_characters_beyond_the_basic_plane_are_joined():
    assert values(r'{"a": "\ud83d\ude00"}') == [{"a": "\U0001f600"}]
    assert "half of a surrogate pair" in complaint(rb'{"a": "\ud83d"}')


def test_syntax_errors_have_a_place():
    assert complaint(b'{\n  "a": [1,\n}\n').startswith("x:3:1  the file cannot be parsed")
    assert complaint(b"a: 1\nb: \x07\n") == "x:2:4  the character U+0007 is not allowed in a spec"
