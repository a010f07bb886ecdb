import ast
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.model.pipeline import PfsInput, Pipeline
from runner.spec.dump import as_yaml
from runner.spec.effective import merge
from runner.spec.pipelines import SpecNotFound, SpecUnreadable, load_pipelines, used_in
from tests.spec.specs import MINIMAL, load, load_with

EXAMPLES = Path(__file__).parents[2] / "conf" / "pipelines"


def test_the_seed_spec_is_read_as_pachyderm_reads_it():
    (loaded,) = load_pipelines(EXAMPLES / "labresults.json")
    pipeline = loaded.pipeline
    assert pipeline.input == PfsInput(
        name="labresults", project="default", repo="labresults", branch="master", glob="/", s3=True
    )
    assert (pipeline.name, pipeline.s3_out) == ("s3_protocol_enabled_pipeline", True)
    assert (pipeline.output_branch, pipeline.datum_tries) == ("master", 3)
    assert pipeline.transform.cmd == ("sh",)
    assert pipeline.transform.stdin is not None
    assert pipeline.transform.stdin[0].startswith("set -x && mkdir")
    assert [notice.message for notice in loaded.warnings] == [
        "transform.image: the command runs on this machine, not in an image"
    ]


def test_the_example_names_neither_endpoint_nor_key_nor_region():
    (loaded,) = load_pipelines(EXAMPLES / "ward_summary.yaml")
    assert loaded.pipeline.transform.stdin is not None
    program = "\n".join(loaded.pipeline.transform.stdin)
    ast.parse(program)
    assert not any(word in program.lower() for word in ("endpoint", "http", "key_id", "secret", "region", "environ"))
    assert loaded.warnings == ()
    assert len(list((EXAMPLES / "data" / "labresults").rglob("*.csv"))) == 12


def test_a_missing_file_and_a_folder_are_said_plainly(tmp_path):
    with pytest.raises(SpecNotFound, match="there is no file"):
        load_pipelines(tmp_path / "none.json")
    with pytest.raises(SpecUnreadable, match="cannot be read"):
        load_pipelines(tmp_path)


def test_the_effective_spec_has_every_default_and_reads_back_as_itself():
    effective = load_with({"s3_out": True, "jobTimeout": "1h30m"}).pipeline.spec
    assert effective == {
        "pipeline": {"name": "p", "project": {"name": "default"}},
        "transform": {"cmd": ["sh"], "image": "ubuntu:20.04"},
        "input": {"pfs": {"repo": "data", "name": "data", "project": "default", "branch": "master", "glob": "/*"}},
        "outputBranch": "master",
        "datumTries": 3,
        "reprocessSpec": "until_success",
        "s3Out": True,
        "jobTimeout": "5400s",
    }
    (again,) = load(json.dumps(effective))
    assert again.pipeline.spec == effective


def test_the_digest_is_that_of_what_holds_not_of_how_it_is_written():
    plain = load_with({}).pipeline
    spelled = load_with({"datumTries": "3", "outputBranch": "master", "s3Out": False, "description": ""}).pipeline
    assert plain.digest == spelled.digest == "61a82665a92eac18031b9686f0fa57d85d4eafa36b5ed51c56eae70496b92319"
    assert load_with({"datumTries": 4}).pipeline.digest != plain.digest


def test_null_deletes_a_default_which_then_holds_again():
    assert load_with({"transform": {"image": None}}).pipeline.transform.image == "ubuntu:20.04"
    text = json.dumps({**MINIMAL, "datumTries": None, "outputBranch": None})
    assert load(text)[0].pipeline.output_branch == "master"


def test_a_trigger_has_a_branch_of_its_own():
    node = {"pfs": None, "cross": [
        {"pfs": {"repo": "a", "glob": "/*", "trigger": {"commits": 2}}},
        {"pfs": {"repo": "b", "glob": "/*", "trigger": {"size": "1MB", "branch": "staging"}}},
    ]}  # fmt: skip
    first, second = load_with({"input": node}).pipeline.spec["input"]["cross"]
    assert (first["pfs"]["branch"], first["pfs"]["trigger"]["branch"]) == ("p-trigger-1", "master")
    assert (second["pfs"]["branch"], second["pfs"]["trigger"]["branch"]) == ("p-trigger-1", "staging")


def test_the_project_of_the_command_holds_where_the_spec_names_none(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(MINIMAL))
    assert load_pipelines(path, project="lab")[0].pipeline.project == "lab"
    assert load_pipelines(path, project="lab")[0].pipeline.leaves().__next__().project == "lab"


def test_empty_stdin_is_none():
    assert load_with({"transform": {"stdin": []}}).pipeline.transform.stdin is None
    assert load_with({"transform": {"stdin": [""]}}).pipeline.transform.stdin == ("",)


def test_each_noted_field_warns_once():
    node = {"pfs": None, "cross": [
        {"pfs": {"repo": "a", "glob": "/*", "lazy": True}},
        {"pfs": {"repo": "b", "glob": "/*", "lazy": True, "emptyFiles": False}},
    ]}  # fmt: skip
    changes = {"autoscaling": True, "input": node, "transform": {"image": "x"}}
    assert [notice.message for notice in load_with(changes).warnings] == [
        "transform.image: the command runs on this machine, not in an image",
        "input.cross[0].pfs.lazy: its files are ordinary files here",
        "autoscaling: workers stay up",
        'transform.image is "x", which names no tag',
    ]
    latest = load_with({"transform": {"image": "host:5000/x:latest"}}).warnings
    assert latest[-1].message == 'transform.image is "host:5000/x:latest", which changes without notice'
    pinned = ("host:5000/x:1", "x@sha256:00")
    assert [len(load_with({"transform": {"image": image}}).warnings) for image in pinned] == [1, 1]


def test_fates_are_told_also_of_a_spec_that_would_be_refused(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("service: {internal_port: 80}\ndatum_tries: x\nautoscaling: true\n")
    assert [(used.at.path, used.field.fate) for used in used_in(path)] == [
        ("service", "refused"),
        ("datum_tries", "done"),
        ("autoscaling", "noted"),
    ]


names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name != "out")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
specs = st.fixed_dictionaries(
    {
        "pipeline": st.builds(dict, name=names.map(lambda name: f"p-{name}")),
        "transform": st.fixed_dictionaries(
            {"cmd": st.lists(texts.filter(bool), min_size=1, max_size=3)},
            optional={
                "stdin": st.lists(texts, max_size=3),
                "env": st.dictionaries(texts.filter(lambda name: name and "=" not in name), texts, max_size=3),
                "acceptReturnCode": st.lists(st.integers(-1, 255), max_size=3),
                "debug": st.booleans(),
            },
        ),
        "input": st.builds(lambda name: {"pfs": {"repo": name, "glob": "/", "s3": True}}, names),
    },
    optional={
        "description": texts,
        "s3Out": st.booleans(),
        "datumTries": st.integers(0, 9),
        "datumTimeout": st.integers(1, 10**6).map(lambda seconds: f"{seconds}s"),
    },
)


@settings(deadline=None, max_examples=60)
@given(specs)
@example({**MINIMAL, "transform": {"cmd": ["\x85\u2028\ufeff"]}})
@example({**MINIMAL, "transform": {"cmd": ["a\n  b\n\n", " a\nb", "\n", "a\n\x85b"]}})
def test_what_is_shown_reads_back_as_the_same_pipeline(document):
    pipeline: Pipeline = load(json.dumps(document))[0].pipeline
    assert load(json.dumps(pipeline.spec))[0].pipeline == pipeline
    assert load(as_yaml(pipeline.spec))[0].pipeline == pipeline


def test_merge_is_rfc_7396():
    """The examples of the RFC's appendix that have objects on both sides."""
    cases = [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]
    assert [merge(target, patch) for target, patch, _ in cases] == [expected for *_, expected in cases]
