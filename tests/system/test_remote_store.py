"""Whole jobs and servers on a store whose blobs lie in a real object store."""

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from contextlib import closing

import boto3
import pytest

from tests.system.command import Runner
from tests.system.elsewhere import VARIABLE
from tests.system.installed import ROOT
from tests.system.objectstores import of_scheme, running
from tests.system.processes import wait_until
from tests.system.served import compare

pytestmark = pytest.mark.timeout(900)  # servers may be built first

COPY = """
import os, urllib.request
print(sorted(os.environ.items()))
url = os.environ["S3_ENDPOINT"]
for name in [f"{n:03}" for n in range(50)] + ["big"]:
    with urllib.request.urlopen(f"{url}/labresults/{name}") as answer:
        data = answer.read()
    urllib.request.urlopen(urllib.request.Request(f"{url}/out/{name}", data=data, method="PUT")).close()
urllib.request.urlopen(urllib.request.Request(f"{url}/out/own", data=bytes(9_000_000), method="PUT")).close()
"""

SLOW = """
import os, sys, time, boto3
from botocore.config import Config
s3 = boto3.client("s3", config=Config(retries={"max_attempts": 10, "mode": "standard"}, read_timeout=120))
for n in range(60):
    s3.put_object(Bucket="out", Key=f"{n:03}", Body=b"%d" % n)
    s3.get_object(Bucket="labresults", Key=f"{n % 50:03}")["Body"].read()
    if n % 20 == 10:
        s3.put_object(Bucket="out", Key=f"large-{n}", Body=b"%d" % n * 300_000)
    open(sys.argv[1], "w").write(str(n))
    time.sleep(0.1)
"""

SUITES = {
    "tests/store": ("test_job_view", "test_store_view", "test_session", "test_bursts", "test_collect", "test_versions"),
    "tests/job": ("test_run",),
    "tests/gateway/wire": ("",),
}
OF_DISKS = (  # what these look at is a disk's: its files, one pack a process, writes that are done at once
    "tests/gateway/wire/test_damage.py",
    "tests/store/test_collect.py::test_a_pack_of_which_little_is_left_is_emptied_and_goes",
    "tests/store/test_job_view.py::test_writes_at_the_end_are_acknowledged_and_kept_or_refused_and_gone",
)


@pytest.fixture
def given(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    chance = random.Random(3)
    for n in range(50):
        (folder / f"{n:03}").write_bytes(chance.randbytes(3_000))
    (folder / "big").write_bytes(chance.randbytes(12 * 2**20))
    return folder


@pytest.fixture(params=["s3", "gs", "az"])
def server(request, built, tmp_path):
    with running(of_scheme(request.param, built, tmp_path / request.param)) as store:
        yield store


@pytest.fixture
def s3(built, tmp_path):
    with running(of_scheme("s3", built, tmp_path / "s3")) as store:
        yield store


def runner_on(server, tmp_path, **more) -> Runner:
    place = {"RUNNER_BLOBS": server.place(), "RUNNER_GC_REMOTE_GRACE_SECONDS": "0"}
    return Runner(tmp_path, {**server.environment, **place, **more})


def is_sound(runner: Runner) -> bool:
    return runner.ask("store", "check", "--read-data")["problems"] == []


def test_a_job_and_its_store_live_on_an_object_store(server, given, tmp_path):
    runner = runner_on(server, tmp_path)
    spec = runner.spec("copy", [sys.executable, "-c", COPY], datum_tries=1)
    done = runner("run", spec, "--input", f"labresults={given}", "--log-format", "json")
    assert server.secret not in done.stdout + done.stderr
    assert not any(name in done.stderr for name in ("AZURE_", "GOOGLE_"))
    runner("file", "get", "-r", "copy@master", tmp_path / "out")
    (tmp_path / "out" / "own").unlink()
    assert compare(given, tmp_path / "out") == ""
    assert not (runner.folder / "store" / "blobs").exists()
    assert is_sound(runner)
    assert runner.ask("store", "stats")["diskBytes"] > 21_000_000

    runner("pipeline", "delete", "copy")
    freed = runner.ask("store", "gc")["freedBytes"]
    assert freed >= 9_000_000  # what was the output's alone
    assert is_sound(runner)
    runner("file", "get", "-r", "labresults@master", tmp_path / "in")
    assert compare(given, tmp_path / "in") == ""


def test_a_command_that_keeps_its_own_credentials_gets_none_of_the_stores(s3, given, tmp_path):
    """Those of AWS are the store's here, and no other's."""
    runner = runner_on(s3, tmp_path)
    spec = runner.spec("tell", [sys.executable, "-c", "import os; print(sorted(os.environ.items()))"], datum_tries=1)
    done = runner("run", spec, "--input", f"labresults={given}", "--inject", "s3-only", "--log-format", "json")
    assert s3.secret not in done.stderr
    assert s3.access not in done.stderr
    assert "AWS_ENDPOINT_URL_S3" in done.stderr


@pytest.mark.parametrize("away_seconds", [10, 0])
def test_a_job_outlives_an_object_store_that_is_killed_and_comes_back(s3, given, tmp_path, away_seconds):
    runner = runner_on(s3, tmp_path)
    mark = tmp_path / "mark"
    spec = runner.spec("slow", [sys.executable, "-c", SLOW, str(mark)], datum_tries=1)
    job = runner.start("run", spec, "--input", f"labresults={given}", "-o", "json")
    wait_until(lambda: mark.exists() and mark.read_text() not in {"", *map(str, range(8))}, 60)
    s3.kill()
    timer = threading.Timer(away_seconds, s3.start)
    timer.start()
    out, err = job.communicate(timeout=300)
    timer.join()
    assert job.returncode == 0, err
    assert json.loads(out)["state"] == "JOB_SUCCESS"
    names = [f"{n:03}" for n in range(60)] + ["large-10", "large-30", "large-50"]
    assert runner.keys("slow@master") == names
    assert runner("file", "cat", "slow@master:/059").stdout == "59"
    assert is_sound(runner)
    assert len(runner.ask("commit", "list", "slow@master")) == 1


def test_a_job_whose_object_store_stays_away_ends_with_75_and_runs_again_when_it_is_back(s3, given, tmp_path):
    runner = runner_on(s3, tmp_path, RUNNER_STORAGE_RETRY_SECONDS="2")
    runner("repo", "create", "labresults")
    runner("file", "put", "-r", given, "labresults@master")
    spec = runner.spec("copy", [sys.executable, "-c", COPY], datum_tries=1)
    s3.kill()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "new").write_text("new")
    began = time.monotonic()
    done = runner("run", spec, "--input", f"labresults={tmp_path / 'more'}", status=75)
    assert time.monotonic() - began < 60
    (sentence,) = [line for line in done.stderr.splitlines() if "cannot use s3://" in line]
    assert s3.secret not in done.stderr
    assert sentence
    s3.start()
    runner("run", spec, "--input", f"labresults={given}")
    assert len(runner.keys("copy@master")) == 52
    assert is_sound(runner)


def test_a_server_answers_503_while_its_object_store_is_away_and_loses_nothing(s3, tmp_path):
    runner = runner_on(s3, tmp_path, RUNNER_STORAGE_RETRY_SECONDS="1")
    server = runner.start("serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--log-format", "json")
    try:
        endpoint = json.loads(server.stdout.readline())["endpoint"]
        ours = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="any",
            aws_secret_access_key="any",
            region_name="us-east-1",
            config=boto3.session.Config(retries={"max_attempts": 0}),
        )
        ours.create_bucket(Bucket="data")
        acknowledged, refused = {}, {}
        for n in range(40):
            if n == 20:
                s3.kill()
            if n == 24:
                s3.start()
            body = os.urandom(200_000 if n % 5 == 0 else 500)
            try:
                ours.put_object(Bucket="data", Key=f"{n:03}", Body=body)
            except ours.exceptions.ClientError as exc:
                refused[n] = exc.response["ResponseMetadata"]["HTTPStatusCode"]
            else:
                acknowledged[f"{n:03}"] = body
        assert refused == dict.fromkeys(range(20, 24), 503)
        for key, body in acknowledged.items():
            assert ours.get_object(Bucket="data", Key=key)["Body"].read() == body
        upload = ours.create_multipart_upload(Bucket="data", Key="parts")["UploadId"]
        parts = [
            {
                "PartNumber": n,
                "ETag": ours.upload_part(
                    Bucket="data", Key="parts", UploadId=upload, PartNumber=n, Body=bytes([n]) * 6_000_000
                )["ETag"],
            }
            for n in (1, 2)
        ]
        ours.complete_multipart_upload(Bucket="data", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        ours.copy_object(Bucket="data", Key="copy", CopySource="data/parts")
        assert ours.get_object(Bucket="data", Key="copy", Range="bytes=5999999-6000000")["Body"].read() == b"\1\2"
        ours.close()
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert len(runner.keys("data@master")) == 38
    assert is_sound(runner)


def test_suites_of_store_job_and_gateway_pass_on_an_object_store(s3):
    files = [f"{folder}/{name}.py" if name else folder for folder, names in SUITES.items() for name in names]
    words = ["-q", "-p", "tests.system.elsewhere", *files, *(f"--deselect={name}" for name in OF_DISKS)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env=os.environ | s3.environment | {VARIABLE: s3.place()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 200
    with closing(s3.client()) as client:
        assert len(client.list_objects_v2(Bucket="blobs")["Contents"]) > 500
