import json

import pytest

from runner.spec.fates import snake_name, walk
from runner.spec.schema import PipelineSpec
from tests.spec.specs import MINIMAL, load_with, problems_in, problems_with


def test_both_styles_mean_the_same():
    camel = load_with({"datumTries": 2, "s3Out": True, "transform": {"acceptReturnCode": [3]}})
    snake = load_with({"datum_tries": "2", "s3_out": True, "transform": {"accept_return_code": ["3"]}})
    assert camel.pipeline.digest == snake.pipeline.digest
    assert (camel.pipeline.datum_tries, camel.pipeline.s3_out) == (2, True)
    assert camel.pipeline.transform.accept_return_code == frozenset({3})


def test_one_field_in_both_styles_is_an_error():
    problem = problems_in(json.dumps({**MINIMAL, "datumTries": 1, "datum_tries": 1}, indent=1))[0]
    assert "datum_tries is datumTries in its other spelling" in problem.message


@pytest.mark.parametrize(
    ("field", "nearest"),
    [("datumTrys", "datumTries"), ("datum_trys", "datum_tries"), ("s3out", "s3Out"), ("Input", "input"),
     ("outputbranch", "outputBranch")],
)  # fmt: skip
def test_an_unknown_field_names_the_nearest(field, nearest):
    (problem,) = problems_in(json.dumps({**MINIMAL, field: 1}))
    assert problem.message == f"{field} is not a field of a pipeline spec; did you mean {nearest}?"
    assert problem.write == nearest


def test_a_field_in_the_wrong_place_names_the_right_one():
    assert problems_with({"cmd": ["sh"]}) == ["cmd is not a field of a pipeline spec; it belongs to transform"]
    assert problems_with({"transform": {"s3_out": True}}) == [
        "transform.s3_out is not a field of a pipeline spec; it belongs to the top of the spec"
    ]


def test_an_unknown_field_is_found_at_every_depth():
    message = "input.cross[0].join[0].pfs.zzz is not a field of a pipeline spec"
    node = {"pfs": None, "cross": [{"join": [{"pfs": {"repo": "a", "glob": "/*", "zzz": 1}}]}]}
    assert problems_with({"input": node}) == [message]


def test_null_is_absent():
    everything = {path: None for path, _ in walk(PipelineSpec) if "." not in path and path not in MINIMAL}
    everything.pop("tolerations[]")
    text = json.dumps({**MINIMAL, **everything, "tolerations": None})
    assert problems_in(text) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"s3Out": "true"}, 's3Out is "true"; it must be true or false'),
        ({"s3Out": 1}, "s3Out is 1; it must be true or false"),
        ({"datumTries": "three"}, 'datumTries is "three"; it must be a whole number'),
        ({"datumTries": 1.5}, "datumTries is 1.5; it must be a whole number"),
        ({"datumTries": True}, "datumTries is true; it must be a whole number"),
        ({"datumTries": 2**63}, f"datumTries is {2**63}; it must be a whole number from {-(2**63)} to {2**63 - 1}"),
        ({"parallelismSpec": {"constant": -1}}, "parallelismSpec.constant is -1; it must be a whole number from 0"),
        ({"resourceLimits": {"cpu": "much"}}, 'resourceLimits.cpu is "much"; it must be a number'),
        ({"description": 5}, "description is 5; it must be a string"),
        ({"description": "a\0"}, 'description is "a\\u0000"; it must be a string without NUL characters'),
        ({"transform": {"cmd": "sh"}}, 'transform.cmd is "sh"; it must be a list'),
        ({"transform": {"cmd": ["sh", 1]}}, "transform.cmd[1] is 1; it must be a string"),
        ({"transform": {"cmd": ["sh", None]}}, "transform.cmd[1] is null; it must be a string"),
        ({"transform": {"env": {"A": 1}}}, "transform.env.A is 1; it must be a string"),
        ({"transform": {"env": ["A"]}}, "transform.env is a list; it must be a mapping"),
        ({"transform": "sh"}, 'transform is "sh"; it must be a mapping'),
        ({"pipeline": {"project": "p"}}, 'pipeline.project is "p"; it must be a mapping'),
        ({"datumTimeout": 300}, "datumTimeout is 300; it must be a duration in quotes"),
        ({"datumTimeout": "-5s"}, 'datumTimeout is "-5s"; it must be a duration'),
        ({"input": {"pfs": {"glob": 1}}}, "input.pfs.glob is 1; it must be a string"),
    ],
)
def test_a_value_of_the_wrong_form_is_said_once_in_plain_words(changes, message):
    (found,) = problems_with(changes)
    assert found.startswith(message)


@pytest.mark.parametrize("value", [2, "2", 2.0])
def test_whole_numbers_may_be_decimal_strings(value):
    assert load_with({"datumTries": value}).pipeline.datum_tries == 2


def test_what_to_write_is_in_the_files_own_syntax():
    wrong = {**MINIMAL, "input": {"pfs": {"repo": "data", "glob": "/*", "s3": True}}}
    (problem,) = problems_in(json.dumps(wrong))
    assert problem.write == '"glob": "/"'
    text = "pipeline: {name: p}\ntransform: {cmd: [sh]}\ninput: {pfs: {repo: data, glob: '/*', s3: true}}\n"
    (problem,) = problems_in(text)
    assert problem.write == "glob: /"


def test_every_field_has_a_meaning_and_the_ways_out_are_given():
    for path, field in walk(PipelineSpec):
        assert field.doc, path
        assert bool(field.note) == (field.fate in ("noted", "refused")), path


def test_names_of_both_styles_are_distinct():
    for _, field in walk(PipelineSpec):
        assert snake_name(snake_name(field.name)) == snake_name(field.name)
