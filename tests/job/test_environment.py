from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.job.datums import Datum, Member
from runner.job.environment import ALIASES, Gate, Identity, Places, build, generated_files
from runner.model.ids import new_commit_id
from runner.model.job import JobInput, JobKey
from runner.model.pipeline import PfsInput, Pipeline, Transform

PACHYDERM = {
    "PACH_IN_WORKER", "PACH_NAMESPACE", "PPS_PROJECT_NAME", "PPS_PIPELINE_NAME", "PPS_SPEC_COMMIT", "PPS_POD_NAME",
    "S3GATEWAY_PORT", "labresults", "labresults_COMMIT", "PACH_DATUM_ID", "PACH_JOB_ID", "PACH_OUTPUT_COMMIT_ID",
    "S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
}  # fmt: skip


@pytest.fixture
def environment(pipeline, identity, datum, gate, places):
    def environment(inherited=None, *, inject="all", hide=(), secrets=None, **changed):
        world = {"pipeline": pipeline, "identity": identity, "datum": datum, "gate": gate, "places": places} | changed
        return build(inherited or {}, inject=inject, hide=hide, secrets=secrets or {}, **world)

    return environment


def test_any_s3_client_finds_us(environment):
    variables = environment()
    for name in ("S3_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        assert variables[name] == "http://127.0.0.1:1234"
    assert variables["AWS_ACCESS_KEY_ID"] == variables["AWS_SECRET_ACCESS_KEY"] == "default"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["AWS_ALLOW_HTTP"] == variables["AWS_EC2_METADATA_DISABLED"] == "true"
    assert variables["AWS_CONFIG_FILE"] == "/scratch/generated/config"
    assert variables["AWS_SHARED_CREDENTIALS_FILE"] == "/scratch/generated/credentials"


def test_pachyderms_variables_are_there(environment, identity, datum, job_input):
    variables = environment()
    assert set(variables) >= PACHYDERM
    assert variables["labresults"] == "/pfs/labresults"
    assert variables["labresults_COMMIT"] == job_input.commit
    assert variables["PACH_JOB_ID"] == variables["PACH_OUTPUT_COMMIT_ID"] == identity.key.id
    assert variables["PACH_DATUM_ID"] == datum.id
    assert variables["S3GATEWAY_PORT"] == "1234"
    assert "PACH_TOKEN" not in variables


def test_compat_is_pachyderms_set_and_nothing_else(environment):
    assert set(environment(inject="compat")) == PACHYDERM | {"FROM_SPEC"}


def test_with_authentication_the_token_is_all_credentials(environment, gate):
    variables = environment(gate=replace(gate, token="rnr_secret"))
    assert {variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PACH_TOKEN")} == {"rnr_secret"}


def test_s3_only_leaves_the_users_own_aws_alone(environment):
    own = {
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "own", "AWS_SESSION_TOKEN": "session",
        "AWS_REGION": "eu-west-1", "AWS_PROFILE": "work", "AWS_ENDPOINT_URL_S3": "http://elsewhere",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }  # fmt: skip
    variables = environment(own, inject="s3-only")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_PROFILE"):
        assert variables[name] == own[name]
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:1234"
    for name in ("AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        assert name not in variables


def test_s3_only_with_authentication_takes_our_credentials(environment, gate):
    own = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SESSION_TOKEN": "session", "AWS_PROFILE": "work", "AWS_REGION": "eu"}
    variables = environment(own, inject="s3-only", gate=replace(gate, token="rnr_secret"))
    assert variables["AWS_ACCESS_KEY_ID"] == variables["AWS_SECRET_ACCESS_KEY"] == "rnr_secret"
    assert variables["AWS_REGION"] == "eu"
    assert "AWS_SESSION_TOKEN" not in variables
    assert "AWS_PROFILE" not in variables


def test_the_spec_has_the_last_word(environment, pipeline):
    transform = replace(pipeline.transform, env={"AWS_REGION": "eu-central-1", "PACH_JOB_ID": "mine"})
    variables = environment(pipeline=replace(pipeline, transform=transform), secrets={"PASSWORD": "s3cret"})
    assert variables["AWS_REGION"] == "eu-central-1"
    assert variables["PACH_JOB_ID"] == "mine"
    assert variables["PASSWORD"] == "s3cret"


def test_an_input_with_dashes_has_a_name_for_shells_too(environment, datum, job_input):
    both = Datum((Member(replace(job_input, name="lab-results")),))
    variables = environment(datum=both)
    assert variables["lab-results"] == variables["lab_results"] == "/pfs/lab-results"
    assert variables["lab_results_COMMIT"] == job_input.commit


def test_a_name_for_shells_takes_nothing_from_another_input(environment, job_input):
    other = replace(job_input, name="a_b")
    variables = environment(datum=Datum((Member(replace(job_input, name="a-b")), Member(other))))
    assert variables["a_b"] == "/pfs/a_b"


def test_no_proxy_stands_before_us(environment):
    variables = environment({"http_proxy": "http://proxy:3128", "no_proxy": "a, b", "NO_PROXY": "b,c"})
    assert variables["no_proxy"] == variables["NO_PROXY"] == "a,b,c,127.0.0.1"
    assert variables["http_proxy"] == "http://proxy:3128"


def test_a_folder_instead_of_pfs_is_named(environment, places):
    variables = environment(places=replace(places, pfs="/scratch/pfs", tmp="/scratch/tmp"))
    assert variables["RUNNER_PFS"] == "/scratch/pfs"
    assert variables["labresults"] == "/scratch/pfs/labresults"
    assert variables["TMPDIR"] == "/scratch/tmp"


def test_the_callers_trace_goes_on(environment, identity):
    trace = "ab" * 16
    assert environment({"TRACEPARENT": f"00-{trace}-{'1' * 16}-01"})["TRACEPARENT"].startswith(f"00-{trace}-")
    assert environment({"TRACEPARENT": "garbage"})["TRACEPARENT"].startswith(f"00-{identity.key.id}-")


def test_generated_files_name_the_endpoint_and_path_style(gate):
    files = generated_files(gate)
    assert "endpoint_url = http://127.0.0.1:1234" in files["config"]
    assert "addressing_style = path" in files["config"]
    assert "host_base = 127.0.0.1:1234" in files["s3cfg"]


def test_every_alias_says_for_whom_it_is():
    assert all(alias.who for alias in ALIASES)
    assert len({alias.name for alias in ALIASES}) == len(ALIASES)


names = st.one_of(
    st.sampled_from(["AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "RUNNER_AUTH_TOKEN"]),
    st.from_regex(r"(AWS|RUNNER)_[A-Z0-9_]{1,12}", fullmatch=True),
    st.sampled_from(["POSTGRES_PASSWORD", "MY_PASSWORD", "MY_TOKEN"]),
)


@given(
    st.sets(names, min_size=1),
    st.sampled_from(["all", "compat"]),
    st.sampled_from([None, "rnr_token"]),
)
def test_no_secret_of_the_caller_reaches_the_child(names, inject, token):
    """Whatever the caller has under these names, its value is nowhere in what the child is told."""
    pinned = JobInput("in", "default", "in", "master", new_commit_id())
    gate = Gate("http://127.0.0.1:1", token, "us-east-1")
    variables = build(
        {name: f"caller-{name}" for name in names} | {"HOME": "/home/me"},
        pipeline=Pipeline(
            "default", "p", Transform(("true",)), PfsInput("in", "default", "in", "master", "/", s3=True)
        ),
        identity=Identity(JobKey("default", "p", new_commit_id()), "host"),
        datum=Datum((Member(pinned),)),
        gate=gate,
        places=Places("/pfs", "/generated"),
        inject=inject,
        hide=("MY_*",),
        secrets={},
    )
    assert not [name for name, value in variables.items() if "caller-" in value]
    assert "caller-" not in "".join(generated_files(gate).values())
    assert variables["HOME"] == "/home/me"
    assert urlsplit(variables["S3_ENDPOINT"]).hostname == "127.0.0.1"
