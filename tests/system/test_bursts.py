"""Thousands of writes to `runner serve`: a copy is one commit and one job, a kill takes nothing acknowledged."""

import random
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.supervisor.server import Server
from tests.supervisor.worker import Worker, spec
from tests.system.processes import wait_until
from tests.system.served import Desk

pytestmark = pytest.mark.timeout(600)

FILES = 5000
PART_BYTES = 8 * 2**20  # the AWS CLI's
HUGE_BYTES = 2 * 2**30
WRITERS = 8


def _fill(folder: Path) -> int:
    """Write small files and a huge one, mostly a hole but with no two parts alike; return all their bytes."""
    chance = random.Random(FILES)
    total = 0
    for number in range(FILES):
        path = folder / f"ward-{number % 50:02}/{number:04}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        total += path.write_bytes(chance.randbytes(chance.randint(1024, 20 * 1024)))
    with (folder / "ward-25/scan.bin").open("wb") as file:
        for offset in range(0, HUGE_BYTES, PART_BYTES):
            file.seek(offset)
            file.write(chance.randbytes(16))
        file.truncate(HUGE_BYTES)
    return total + HUGE_BYTES


LIST = """
import os, urllib.request
print(urllib.request.urlopen(os.environ["S3_ENDPOINT"] + "/data?max-keys=3").read().count(b"<Key>"), "of many")
"""


def test_a_copy_of_many_files_and_a_huge_one_is_one_commit_and_one_job(runner, installed, tmp_path, figures) -> None:
    given = tmp_path / "given"
    total = _fill(given)
    with Worker(tmp_path / "store", spec(tmp_path, "lister", "data", LIST)), Server(tmp_path / "store") as server:
        s3 = server.client()
        s3.create_bucket(Bucket="data")
        s3.close()
        desk = Desk(server, tmp_path / "desk", installed("awscli"))
        began = time.monotonic()
        desk("aws", "s3", "cp", "--recursive", "--only-show-errors", given, "s3://data")
        figures(f"aws s3 cp of {FILES} files and 2 GiB: {time.monotonic() - began:.0f} s")
        wait_until(lambda: [job["state"] for job in runner.ask("job", "list")] == ["JOB_SUCCESS"])
        assert server.stop() == 0

    (listed,) = runner.ask("commit", "list", "data@master")
    commit = runner.ask("commit", "inspect", f"data@{listed['commit']['id']}")
    assert (commit["objects"], commit["details"]["sizeBytes"]) == (FILES + 1, total)
    (job,) = runner.ask("job", "list")
    assert job["job"]["id"] == commit["commit"]["id"]
    runner("store", "check")
    shutil.rmtree(tmp_path / "store")  # pytest would keep these 2 GiB for its next runs


def test_a_kill_amid_thousands_of_writes_loses_none_that_was_acknowledged(runner, tmp_path, figures) -> None:
    acknowledged: list[int] = []
    enough = threading.Event()

    def put(number: int) -> None:
        try:
            s3.put_object(Bucket="data", Key=_key(number), Body=_content(number))
        except (BotoCoreError, ClientError):
            return
        acknowledged.append(number)
        if len(acknowledged) >= FILES // 2:
            enough.set()

    with Server(tmp_path / "store", serve_commit_idle_seconds="0.2") as server, ThreadPoolExecutor(WRITERS) as pool:
        s3 = server.client(max_pool_connections=WRITERS)
        s3.create_bucket(Bucket="data")
        began = time.monotonic()
        for number in range(FILES):
            pool.submit(put, number)
        assert enough.wait(120)
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
        figures(f"{WRITERS} writers of boto3: {FILES / 2 / (time.monotonic() - began):.0f} puts/s")
    s3.close()
    assert FILES // 2 <= len(acknowledged) < FILES

    with Server(tmp_path / "store") as server, ThreadPoolExecutor(WRITERS) as pool:
        s3 = server.client(max_pool_connections=WRITERS)

        def get(number: int) -> bytes:
            with s3.get_object(Bucket="data", Key=_key(number))["Body"] as body:
                content: bytes = body.read()
                return content

        found = pool.map(get, acknowledged)
        assert all(content == _content(number) for number, content in zip(acknowledged, found, strict=True))
        s3.close()
        assert server.stop() == 0
    assert {_key(number) for number in acknowledged} <= set(runner.keys("data@master"))
    runner("store", "check")


def _key(number: int) -> str:
    return f"ward-{number % 50:02}/{number:04}.bin"


def _content(number: int) -> bytes:
    return random.Random(number).randbytes(500 + number % 1500)
