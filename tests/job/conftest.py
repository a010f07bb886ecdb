import pytest

from runner.job.datums import Datum, Member
from runner.job.environment import Gate, Identity, Places
from runner.model.ids import CommitId, new_commit_id
from runner.model.job import JobInput, JobKey
from runner.model.pipeline import PfsInput, Pipeline, Transform


@pytest.fixture
def job_input() -> JobInput:
    return JobInput("labresults", "default", "labresults", "master", CommitId("0" * 12 + "4" + "a" * 19))


@pytest.fixture
def datum(job_input) -> Datum:
    return Datum((Member(job_input),))


@pytest.fixture
def identity() -> Identity:
    return Identity(JobKey("default", "copy", new_commit_id()), "worker-1")


@pytest.fixture
def gate() -> Gate:
    return Gate("http://127.0.0.1:1234", None, "us-east-1")


@pytest.fixture
def places() -> Places:
    return Places(pfs="/pfs", generated="/scratch/generated")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(
        project="default",
        name="copy",
        transform=Transform(cmd=("true",), env={"FROM_SPEC": "1"}),
        input=PfsInput("labresults", "default", "labresults", "master", "/", s3=True),
        s3_out=True,
        digest="d" * 64,
    )
