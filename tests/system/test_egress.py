"""Output copied to a server that others made: it checks signatures, and keeps objects as files."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

BIG = 40 * 2**20

PUT = f"""
import os, urllib.request
def put(key, body, **headers):
    url = os.environ["S3_ENDPOINT"] + "/out/" + key
    urllib.request.urlopen(urllib.request.Request(url, data=body, method="PUT", headers=headers)).close()
for number in range(300):
    put(f"plates/{{number:03}}.csv", b"%d" % number)
put("report.csv", b"1,2", **{{"Content-Type": "text/csv", "x-amz-meta-plate": "7"}})
put("gr%C3%B6%C3%9Fe%20%2B%3D.txt", b"odd")
put("big", bytes({BIG}))
"""

ACCESS, SECRET = "archive-key", "archive-secret"


@contextmanager
def versitygw(program: Path, folder: Path) -> Iterator[str]:
    """Run the server on files below *folder*; give its endpoint."""
    for name in ("files", "attributes"):
        (folder / name).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, "--access", ACCESS, "--secret", SECRET, "--port", address, "--region", "eu-west-1", "--quiet"]
    command += ["posix", "--sidecar", folder / "attributes", folder / "files"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            yield f"http://{address}"
        finally:
            server.terminate()


@pytest.mark.timeout(900)
def test_the_output_is_copied_to_a_server_that_asks_for_signatures(runner, built, tmp_path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "x").write_text("x")
    url = "s3://archive/results"
    spec = runner.spec("report", [sys.executable, "-c", PUT], egress={"object_storage": {"url": url}}, datum_tries=1)
    run = ("run", spec, "--input", f"labresults={given}", "--log-format", "json")
    with versitygw(built("versitygw"), tmp_path / "server") as endpoint:
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            region_name="eu-west-1",
        )
        create_bucket(s3)
        account = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_ALLOW_HTTP": "true",
        }
        runner(*run, **account, AWS_SECRET_ACCESS_KEY=SECRET)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="archive", Prefix="results/")
        sizes = {each["Key"].removeprefix("results/"): each["Size"] for page in pages for each in page["Contents"]}
        assert len(sizes) == 303
        assert (sizes["big"], sizes["größe +=.txt"], sizes["plates/299.csv"]) == (BIG, 3, 3)
        report = s3.get_object(Bucket="archive", Key="results/report.csv")
        assert (report["Body"].read(), report["ContentType"], report["Metadata"]) == (
            b"1,2",
            "text/csv",
            {"plate": "7"},
        )

        refused = runner(*run, status=75, **account, AWS_SECRET_ACCESS_KEY="not-the-secret")
        (told,) = [
            record for record in map(json.loads, refused.stderr.splitlines()[:-2]) if record["event"] == "egress.failed"
        ]
        assert "not-the-secret" not in refused.stderr
        assert url in told["message"]
        s3.close()
    newest = runner.ask("job", "list")[0]
    assert (newest["state"], newest["status"]) == ("JOB_SUCCESS", 75)


def create_bucket(s3) -> None:
    """Make the bucket as soon as the server listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        except EndpointConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
