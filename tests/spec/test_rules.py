"""One test for each rule of a pipeline as a whole; the letters are Pachyderm's stages."""

import json

import pytest

from tests.spec.specs import MINIMAL, load_with, problems_in, problems_with


def test_the_minimal_spec_breaks_no_rule():
    assert problems_with({}) == []


def test_a1_a_pipeline_is_named():
    assert problems_with({"pipeline": None}) == ["the spec names no pipeline"]
    assert problems_with({"pipeline": {"name": ""}}) == ["the pipeline has no name"]


@pytest.mark.parametrize("name", ["lab summary", "a.b", "ü", "a/b", "a\n"])
def test_a2_a_name_has_few_characters(name):
    (message,) = problems_with({"pipeline": {"name": name}})
    assert message.endswith("only letters, digits, underscores and dashes are allowed")


def test_a3_a_name_has_at_most_51_characters():
    assert problems_with({"pipeline": {"name": "n" * 51}}) == []
    assert problems_with({"pipeline": {"name": "n" * 53}}) == [
        "pipeline.name is 2 characters longer than the 51 that are allowed"
    ]


def test_a4_project_and_name_have_at_most_58_characters():
    assert problems_with({"pipeline": {"name": "n" * 38, "project": {"name": "p" * 20}}}) == []
    assert problems_with({"pipeline": {"name": "n" * 39, "project": {"name": "p" * 20}}}) == [
        "project and pipeline name have 59 characters together; at most 58 are allowed"
    ]


def test_a5_tf_jobs_are_refused_with_the_way_out():
    (problem,) = problems_in(json.dumps({**MINIMAL, "tf_job": {"tf_job": "{}"}}))
    assert (problem.message, problem.alternative) == (
        "tf_job is not supported",
        "write the program as transform.cmd",
    )


def test_a6_services_and_spouts_have_no_s3_output():
    for name in ("service", "spout"):
        assert f"s3_out is true; a {name} has no S3 output" in problems_with({"s3_out": True, name: {"service": {}}})


def test_a7_there_is_a_transform():
    assert problems_with({"transform": None}) == ["the spec has no transform, so nothing to run"]


def test_a8_reprocess_spec_is_one_of_two_words():
    assert problems_with({"reprocessSpec": "every_job"}) == []
    assert problems_with({"reprocessSpec": "never"}) == [
        'reprocessSpec is "never"; it must be until_success or every_job'
    ]


def test_a9_a_spout_does_not_autoscale():
    assert "autoscaling is true; a spout never idles" in problems_with({"autoscaling": True, "spout": {"service": {}}})


@pytest.mark.parametrize(
    ("toleration", "message"),
    [
        ({"operator": "EXISTS", "value": "x"}, "tolerations[0].value is given; a toleration that EXISTS has no value"),
        ({"operator": "EQUAL", "value": "x"}, "tolerations[0] has no key"),
        ({"key": "k", "tolerationSeconds": 0}, "tolerations[0].tolerationSeconds is given; only the effect"),
        ({"key": "k", "effect": 9}, "tolerations[0].effect is 9; it must be one of ALL_EFFECTS, NO_SCHEDULE"),
    ],
)
def test_a9_tolerations_are_what_kubernetes_takes(toleration, message):
    (found,) = problems_with({"tolerations": [toleration]})
    assert found.startswith(message)


def test_a9_good_tolerations_pass_by_name_and_by_number():
    tolerations = [{"operator": 1}, {"key": "k", "effect": 3, "toleration_seconds": "0"}]
    assert load_with({"tolerations": tolerations}).pipeline.spec["tolerations"] == [
        {"operator": "EXISTS"},
        {"key": "k", "effect": "NO_EXECUTE", "tolerationSeconds": 0},
    ]


def test_b_a_name_begins_with_a_letter_or_digit():
    message = "it must begin with a letter or digit"
    assert problems_with({"pipeline": {"name": "_p"}}) == [f'pipeline.name is "_p"; {message}']
    assert problems_with({"pipeline": {"project": {"name": "-p"}}}) == [f'pipeline.project.name is "-p"; {message}']


def test_b_a_project_name_has_few_characters_and_at_most_51():
    assert len(problems_with({"pipeline": {"project": {"name": "a b"}}})) == 1
    assert problems_with({"pipeline": {"project": {"name": "p" * 52}}}) == [
        "pipeline.project.name is 1 characters longer than the 51 that are allowed"
    ]


def test_b_a_service_has_one_worker_and_a_known_type():
    messages = problems_with({"service": {"type": "Tunnel"}, "parallelismSpec": {"constant": 2}})
    assert "service is not supported" in messages
    assert "parallelismSpec.constant is 2; a service has one worker" in messages
    assert 'service.type is "Tunnel"; it must be ClusterIP, LoadBalancer, NodePort' in messages


def test_b_a_spout_without_service_takes_no_input():
    assert "input is given; a spout takes none" in problems_with({"spout": {"service": None}})
    assert problems_with({"spout": {}, "input": None}) == ["spout is not supported"]


def test_b_the_output_branch_is_a_name():
    assert problems_with({"outputBranch": ""}) == []
    assert len(problems_with({"outputBranch": "a/b"})) == 1


@pytest.mark.parametrize("name", ["deadbeefdeadbeef", "0123456789ab"])
def test_ours_names_do_not_read_like_commit_ids(name):
    assert problems_with({"outputBranch": name}) == [f'outputBranch is "{name}", which reads like a commit id']
    assert problems_with({"pipeline": {"name": name}}) == [f'pipeline.name is "{name}", which reads like a commit id']


def test_b_pod_strings_hold_patches():
    good = {"podSpec": '{"hostNetwork": true}', "podPatch": '[{"op": "add", "path": "/x", "value": 1}]'}
    assert problems_with(good) == []
    assert problems_with({"podSpec": "{", "podPatch": "[1]"}) == [
        'podSpec is "{"; it must be JSON in a string',
        "podPatch must hold a JSON list of operations, each with op and path",
    ]
    assert problems_with({"podSpec": "[]"}) == ["podSpec must hold a JSON object"]
    for text in ('{"a": NaN}', '{"a": "\\ud800"}', "[Infinity]"):  # Python reads these, and nobody else
        assert problems_with({"podSpec": text}) == [f"podSpec is {json.dumps(text)}; it must be JSON in a string"]
    assert problems_with({"podPatch": {"op": "add"}}) == ["podPatch is a mapping; it must be JSON in a string"]


def test_sql_egress_is_refused_with_the_way_out():
    (problem,) = problems_in(json.dumps({**MINIMAL, "egress": {"sql_database": {"url": "x"}}}))
    assert problem.message == "egress.sql_database is not supported"
    assert problem.alternative.startswith("drop it and load")


def test_datum_batching_is_refused_when_it_is_on():
    assert problems_with({"transform": {"datumBatching": False}}) == []
    assert problems_with({"transform": {"datumBatching": True}}) == ["transform.datumBatching is not supported"]


def test_a_limit_is_longer_than_nothing():
    assert problems_with({"datumTimeout": "0s"}) == ['datumTimeout is "0s"; nothing ends in that time']
    assert problems_with({"job_timeout": "0h"}) == ['job_timeout is "0h"; nothing ends in that time']


def test_a_datum_is_tried_at_least_once_and_zero_is_the_default():
    assert load_with({"datumTries": 0}).pipeline.datum_tries == 3
    assert problems_with({"datumTries": -1}) == ["datumTries is -1; a datum is tried at least once"]


def test_expected_uptime_needs_autoscaling():
    assert problems_with({"maximumExpectedUptime": "1h", "autoscaling": True}) == []
    assert problems_with({"maximumExpectedUptime": "1h"}) == ["maximumExpectedUptime needs autoscaling"]


def test_a_command_is_given():
    for cmd in (None, []):
        assert problems_with({"transform": {"cmd": cmd}}) == ["transform.cmd is missing, so there is nothing to run"]
    assert problems_with({"transform": {"cmd": ["", "x"]}}) == ["transform.cmd[0] is empty; it must name a program"]


def test_variables_have_names_that_an_environment_can_hold():
    assert problems_with({"transform": {"env": {"": "x", "A=B": "y", "C": ""}}}) == [
        '"" cannot be the name of a variable',
        '"A=B" cannot be the name of a variable',
    ]


def test_a_user_has_at_most_one_group():
    for user in ("me", "me:us", "1000:1000"):
        assert problems_with({"transform": {"user": user}}) == []
    assert len(problems_with({"transform": {"user": "a:b:c"}})) == 1


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ({"name": "s", "envVar": "V"}, "transform.secrets[0].envVar is given without a key"),
        ({"key": "k", "envVar": "V"}, "transform.secrets[0] has no name"),
        ({"name": "s", "key": "k"}, "transform.secrets[0] appears nowhere"),
        ({"name": "s", "mountPath": "relative"}, 'transform.secrets[0].mountPath is "relative"'),
        ({"name": "..", "mountPath": "/s"}, 'transform.secrets[0].name is ".."; it must be a plain name'),
        ({"name": "s", "key": "../k", "envVar": "V"}, 'transform.secrets[0].key is "../k"; it must be a plain name'),
    ],
)
def test_a_secret_can_be_found_and_appears_somewhere(secret, message):
    (found,) = problems_with({"transform": {"secrets": [secret]}})
    assert found.startswith(message)


def test_two_pipelines_of_a_file_have_two_names():
    assert [problem.message for problem in problems_in(json.dumps([MINIMAL, MINIMAL]))] == [
        'the file has two pipelines named "p"'
    ]
    elsewhere = {**MINIMAL, "pipeline": {"name": "p", "project": {"name": "other"}}}
    assert problems_in(json.dumps([MINIMAL, elsewhere])) == []
