"""A job whose store keeps its blobs in an object store: `runner serve` over another store is one."""

from __future__ import annotations

import json
import sys

import pytest

from tests import databases
from tests.supervisor.server import Server
from tests.system.command import Runner

pytestmark = pytest.mark.files  # the processes say where

PUT = """
import os, urllib.request
print("environment", sorted(os.environ.items()))
url = os.environ["S3_ENDPOINT"]
data = urllib.request.urlopen(f"{url}/labresults/x").read()
for key, body in (("x", data), ("large", bytes(9_000_000))):
    urllib.request.urlopen(urllib.request.Request(f"{url}/out/{key}", data=body, method="PUT")).close()
"""


@pytest.fixture
def far(tmp_path):
    """Variables that lead to an object store with the bucket ``blobs``."""
    with Server(tmp_path / "far") as server:
        s3 = server.client()
        s3.create_bucket(Bucket="blobs")
        s3.close()
        yield {
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": "of-the-blobs",
            "AWS_SECRET_ACCESS_KEY": "of-the-blobs",
            "AWS_ALLOW_HTTP": "true",
        }


@pytest.mark.parametrize("inject", ["all", "s3-only"])
def test_a_job_lives_on_an_object_store_whose_credentials_its_command_never_sees(far, tmp_path, inject):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "x").write_text("content of x")
    where = {"RUNNER_STORE": databases.name_of(tmp_path / "store", has_blobs=False)}
    runner = Runner(tmp_path, far | where | {"RUNNER_STORAGE_HOSTS": str(tmp_path / "hosts")})
    others = {"GOOGLE_CLOUD_PROJECT": "kept-g", "AZURE_CLIENT_ID": "kept-a"}  # nothing of this store's
    spec = runner.spec("copy", [sys.executable, "-c", PUT], datum_tries=1)
    words = ("run", spec, "--input", f"labresults={tmp_path / 'given'}", "--log-format", "json", "--inject", inject)
    done = runner(*words, "--blobs", "s3://blobs/a/place", **others)
    (told,) = [line["message"] for line in map(json.loads, done.stderr.splitlines()) if line.get("user")]
    assert told.startswith("environment")
    assert "of-the-blobs" not in told
    assert far["AWS_ENDPOINT_URL_S3"] not in told
    assert all(value in told for value in others.values())
    assert runner("file", "cat", "copy@master:/x").stdout == "content of x"  # the place need not be said again
    assert not (tmp_path / "store" / "blobs").exists()
    assert runner.ask("store", "check")["problems"] == []
    refused = runner("job", "list", "--blobs", "s3://blobs/other", status=2)
    assert "keeps its blobs in s3://blobs/a/place, not in s3://blobs/other" in refused.stderr
    second = databases.name_of(tmp_path / "second", has_blobs=False)
    taken = runner("repo", "list", "--store", second, "--blobs", "s3://blobs/a/place", status=2)
    assert "holds the blobs of another store" in taken.stderr
