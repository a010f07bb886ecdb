"""Output copied to an object store: `runner serve` over another store is one, spoken to by the real client library."""

from __future__ import annotations

import json
import signal
import sys
from urllib.parse import urlsplit

import pytest

from tests import databases
from tests.supervisor.server import Server
from tests.system.command import Runner

pytestmark = pytest.mark.files  # the variables of its processes lead to another object store

BIG = 20_000_000  # several pieces

PUT = f"""
import os, urllib.request
def put(key, body, **headers):
    url = os.environ["S3_ENDPOINT"] + "/out/" + key
    request = urllib.request.Request(url, data=body, method="PUT", headers=headers)
    urllib.request.urlopen(request).close()
put("report.csv", b"1,2", **{{"Content-Type": "text/csv", "x-amz-meta-plate": "7"}})
put("deep/%C3%A4%20%2B%3D.txt", b"odd")
put("empty", b"")
put("big", bytes({BIG}))
print(sorted(os.environ.get(name) for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3") if name in os.environ))
"""
PUT_ODD = PUT + 'put("a//b", b"x")\n'


@pytest.fixture
def archive(tmp_path):
    """An object store with the bucket ``archive``."""
    with Server(tmp_path / "archive") as server:
        s3 = server.client()
        s3.create_bucket(Bucket="archive")
        yield server, s3
        s3.close()


@pytest.fixture
def runner(tmp_path) -> Runner:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "x").write_text("x")
    where = {"RUNNER_STORE": databases.name_of(tmp_path / "store"), "RUNNER_STORAGE_HOSTS": str(tmp_path / "hosts")}
    return Runner(tmp_path, where)


def words(runner: Runner, program: str = PUT, url: str = "s3://archive/results") -> list[str]:
    spec = runner.spec("report", [sys.executable, "-c", program], datum_tries=1, egress={"URL": url})
    return ["run", str(spec), "--input", f"labresults={runner.folder / 'given'}", "--log-format", "json"]


def towards(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "of-the-archive",
        "AWS_SECRET_ACCESS_KEY": "of-the-archive",
        "AWS_ALLOW_HTTP": "true",
    }


def test_the_output_is_copied_with_its_headers_before_the_job_succeeds(runner, archive):
    server, s3 = archive
    done = runner(*words(runner), **towards(server.endpoint))
    job = done.stdout.strip()
    listed = s3.list_objects_v2(Bucket="archive")["Contents"]
    assert {each["Key"]: each["Size"] for each in listed} == {
        "results/report.csv": 3,
        "results/deep/ä +=.txt": 3,
        "results/empty": 0,
        "results/big": BIG,
    }
    report = s3.get_object(Bucket="archive", Key="results/report.csv")
    assert (report["Body"].read(), report["ContentType"], report["Metadata"]) == (b"1,2", "text/csv", {"plate": "7"})
    events = [record["event"] for record in map(json.loads, done.stderr.splitlines()) if not record.get("user")]
    assert events.index("egress.finished") < events.index("job.sealed") < events.index("job.succeeded")
    assert runner.ask("provenance", "show", job)["egress"] == {"url": "s3://archive/results", "objects": 4}
    (told,) = runner("job", "logs", job).stdout.splitlines()
    assert "of-the-archive" not in told
    assert server.endpoint not in told


def test_copying_again_leaves_the_same_objects(runner, archive):
    server, s3 = archive
    for _ in range(2):
        runner(*words(runner), **towards(server.endpoint))
    assert s3.list_objects_v2(Bucket="archive")["KeyCount"] == 4


@pytest.mark.parametrize(
    ("program", "url", "why"),
    [(PUT_ODD, "s3://archive", "'a//b'"), (PUT, "s3://nowhere", "s3://nowhere")],
)
def test_what_could_not_be_copied_is_said_and_the_commit_stands(runner, archive, program, url, why):
    server, _ = archive
    done = runner(*words(runner, program, url), status=75, **towards(server.endpoint))
    (job,) = runner.ask("job", "list")
    assert (job["state"], job["status"]) == ("JOB_SUCCESS", 75)
    assert "report.csv" in runner.keys(f"report@{job['job']['id']}")
    last = done.stderr.splitlines()[-2:]
    assert why in " ".join(last)
    assert f"report@{job['job']['id']}" in " ".join(last)
    assert runner("job", "wait", job["job"]["id"], status=75).returncode == 75


def test_a_store_that_is_out_of_reach_is_tried_again_until_it_is_there(runner, tmp_path):
    with Server(tmp_path / "archive") as server:
        s3 = server.client()
        s3.create_bucket(Bucket="archive")
        s3.close()
        endpoint = server.endpoint
        assert server.stop() == 0
    with runner.start(*words(runner), **towards(endpoint)) as running:
        wait_for(running, "egress.started")
        with Server(tmp_path / "archive", "--listen", urlsplit(endpoint).netloc) as server:
            running.communicate(timeout=60)
            assert running.returncode == 0
            s3 = server.client()
            assert s3.list_objects_v2(Bucket="archive")["KeyCount"] == 4
            s3.close()


def test_a_job_that_is_stopped_while_it_copies_publishes_nothing(runner):
    with runner.start(*words(runner), **towards("http://127.0.0.1:1")) as running:
        wait_for(running, "egress.started")
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    (job,) = runner.ask("job", "list")
    assert job["state"] == "JOB_KILLED"
    assert runner.ask("commit", "list", "report") == []


def test_a_store_that_stays_out_of_reach_does_not_undo_the_job(runner):
    nowhere = towards("http://127.0.0.1:1") | {"RUNNER_JOB_EGRESS_SECONDS": "1"}
    runner(*words(runner), status=75, **nowhere)
    (job,) = runner.ask("job", "list")
    assert job["state"] == "JOB_SUCCESS"


def wait_for(running, event: str) -> None:
    while json.loads(running.stderr.readline()).get("event") != event:
        pass
