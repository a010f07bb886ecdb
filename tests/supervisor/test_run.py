"""A whole job in this process: real store, real gateway, real child, which speaks S3 with the standard library."""

import sys
from dataclasses import replace

import pytest

from runner.host.settings import resolve
from runner.model.errors import Invalid
from runner.model.pipeline import PfsInput, Pipeline, Transform
from runner.store import files
from runner.store.jobs import jobs
from runner.supervisor.run import ExportFailed, RunRequest, run

COPY = """
import os, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
data = urllib.request.urlopen(f"{endpoint}/lab/a.csv").read()
urllib.request.urlopen(urllib.request.Request(f"{endpoint}/out/copy.csv", data=data, method="PUT")).close()
print("copied", len(data))
"""


class Watcher:
    def __init__(self) -> None:
        self.records = []
        self.job = None

    async def opened(self, store, job, counters, *, tries):
        self.job = job

    def log(self, record):
        self.records.append(record)


@pytest.fixture
def settings(tmp_path):
    return resolve({"store": str(tmp_path / "store")}, None, environ={}, folder=tmp_path).settings


@pytest.fixture
def request_of(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"1,2\n")

    def build(program: str = COPY, **changes) -> RunRequest:
        pipeline = Pipeline(
            "default",
            "copy",
            Transform((sys.executable, "-"), stdin=tuple(program.splitlines())),
            PfsInput("lab", "default", "lab", "master", "/", s3=True),
            s3_out=True,
            datum_tries=1,
            spec={"pipeline": {"name": "copy"}},
            digest="1",
        )
        return replace(RunRequest(pipeline=pipeline, sources={"lab": str(folder)}), **changes)

    return build


async def test_a_program_that_writes_to_out_makes_a_commit_and_a_folder(settings, request_of, tmp_path):
    watcher = Watcher()
    async with run(settings, request_of(output=tmp_path / "result"), watcher) as result:
        assert result.outcome.status == 0
        assert result.requests.count == 2
        bucket = files.bucket_of(result.store, result.outcome.commit)
        assert (await bucket.head(b"copy.csv")).size == 4
    assert (tmp_path / "result" / "copy.csv").read_bytes() == b"1,2\n"
    assert "copied 4" in [record["message"] for record in watcher.records if record.get("user")]
    assert result.outcome.job.key == watcher.job.key


async def test_with_auth_the_token_is_asked_for_and_never_told(settings, request_of):
    settings = replace(settings, auth=replace(settings.auth, enabled=True))
    watcher = Watcher()
    program = "import os; print('token', os.environ['AWS_ACCESS_KEY_ID'])\n" + COPY
    async with run(settings, request_of(program), watcher) as result:
        assert result.outcome.status == 1
    said = [record["message"] for record in watcher.records if record.get("user")]
    assert "token ***" in said
    assert any("HTTP Error 403" in line for line in said)


async def test_a_commit_stands_when_it_cannot_be_written_out(settings, request_of, tmp_path):
    (tmp_path / "result").write_text("in the way")
    watcher = Watcher()
    with pytest.raises(ExportFailed, match="is committed, but"):
        async with run(settings, request_of(output=tmp_path / "result"), watcher):
            pytest.fail("the block runs only after the export")
    async with run(settings, request_of(), Watcher()) as result:
        first = await jobs.output(result.store, watcher.job.key)
        assert result.outcome.commit.parent == first.id


async def test_nothing_is_imported_for_a_spec_that_cannot_run(settings, request_of, tmp_path):
    request = request_of()
    with pytest.raises(Invalid, match="nothing to run"):
        async with run(
            settings, replace(request, pipeline=replace(request.pipeline, transform=Transform(()))), Watcher()
        ):
            pytest.fail("nothing may run")
