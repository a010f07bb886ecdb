"""Table formats on a branch of `runner serve`, and Spark in a job: a whole table is left, and nothing beside it."""

import json
import re
from pathlib import Path

import pytest

from tests.supervisor.server import Server
from tests.system.installed import BY_NAME
from tests.system.served import Desk

pytestmark = pytest.mark.timeout(600)

FIRST = {  # what a reader of each table looks for first
    "deltalake": "readings/_delta_log/00000000000000000001.json",
    "delta-writers": "appended/_delta_log/00000000000000000020.json",
    "iceberg": "warehouse/lab/readings/metadata/",
    "lance": "readings.lance/_versions/",
    "zarr": "readings.zarr/zarr.json",
}


@pytest.mark.parametrize("client", FIRST)
def test_a_table_on_a_branch_of_the_store(runner, installed, labresults, tmp_path, client) -> None:
    """The programs are those that run as jobs, unchanged. Commits come between their steps, and no step sees them."""
    runner("repo", "create", "labresults")
    runner("file", "put", "-r", labresults, "labresults@master")
    with Server(tmp_path / "store", serve_commit_idle_seconds="0.01", serve_commit_max_seconds="0.1") as server:
        s3 = server.client()
        s3.create_bucket(Bucket="out")
        desk = Desk(server, tmp_path / "desk", installed(client))
        said = desk(*BY_NAME[client].argv)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="out")
        keys = [item["Key"] for page in pages for item in page["Contents"]]
        s3.close()
        assert server.stop() == 0
    assert sorted(runner.keys("out@master")) == sorted(keys)
    assert any(key.startswith(FIRST[client]) for key in keys), said
    assert len(runner.ask("commit", "list", "out@master")) > 1
    runner("store", "check")


def test_spark_commits_its_parts_by_the_magic_committer(runner, installed, labresults) -> None:
    """Each part is an upload that only the job of Spark completes, all of them at its end."""
    spec = runner.spec("spark", BY_NAME["spark"].argv)

    job = runner(
        "run", spec, "--input", f"labresults={labresults}", "--tries", "1", **installed("spark")
    ).stdout.strip()

    keys = runner.keys(job)
    success = json.loads(runner("file", "cat", f"{job}:/readings/_SUCCESS").stdout)
    parts = {key for key in keys if re.fullmatch(r"readings/analyte=\w+/part-[\w.-]+\.parquet", key)}
    assert success["committer"] == "magic"
    assert {Path(name).name for name in success["filenames"]} == {Path(part).name for part in parts}
    assert {part.split("/")[1] for part in parts} == {"analyte=glucose", "analyte=lactate", "analyte=sodium"}
    assert set(keys) - parts == {"readings/", "readings/_SUCCESS"}  # the folder's marker is S3A's own
