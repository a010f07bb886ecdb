"""The specification that an S3-enabled Pachyderm pipeline brings along, byte for byte, with the AWS CLI."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.system.command import Runner

pytestmark = pytest.mark.timeout(1200)

SPEC = """{"pipeline":{"name":"s3_protocol_enabled_pipeline"},"input":{"pfs":{"glob":"/","repo":"labresults",\
"name":"labresults","s3":true}},"transform":{"cmd":["sh"],"stdin":["set -x && mkdir -p /tmp/result && aws \
--endpoint-url $S3_ENDPOINT s3 ls && aws --endpoint-url $S3_ENDPOINT s3 cp s3://labresults/ /tmp/result/ \
--recursive && aws --endpoint-url $S3_ENDPOINT s3 cp /tmp/result/ s3://out --recursive"],\
"image":"pachyderm/ubuntu-with-s3-clients:v0.0.1"},"s3_out":true}"""

SHARED = Path("/tmp/result")  # of this machine; the job has a /tmp of its own
PIPELINE = "s3_protocol_enabled_pipeline"

ODD_NAMES = (
    "plain.csv",
    "two words.csv",
    "a+b.csv",
    "key=value.csv",
    "größe/maß/Straße.txt",
    "deep/er/and/deeper/still.bin",
    "100% & more?.txt",
    "#1;2,3!.txt",
    'quote\'s "both".txt',
    "日本/測定.csv",
    "caf\u00e9 and cafe\u0301.txt",  # composed and decomposed: two letters é, neither normalised
    "date=2026-11-22/part 0+1=1.csv",
)


def _odd(folder: Path) -> None:
    for number, name in enumerate(ODD_NAMES):
        _write(folder / name, f"{number}: {name}\n".encode() * number)  # the first is empty


def _many(folder: Path) -> None:
    chance = random.Random(5000)
    for number in range(5000):
        _write(folder / f"ward-{number % 50:02}/{number:04}.bin", chance.randbytes(chance.randint(1024, 20 * 1024)))


def _huge(folder: Path) -> None:
    with (folder / "scan.bin").open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(2**20))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("make", [_odd, _many, _huge], ids=["12-odd-names", "5000-files", "1-gib"])
def test_what_goes_in_comes_out(tmp_path, installed, make) -> None:
    given, out, spec = tmp_path / "given", tmp_path / "out", tmp_path / "spec.json"
    given.mkdir()
    make(given)
    spec.write_text(SPEC)
    runner = Runner(tmp_path / "runner", {"RUNNER_JOB_PRIVATE_TMP": "true", **installed("awscli")})

    was_there = SHARED.exists()
    job = runner("run", spec, "--input", f"labresults={given}", "--output", out).stdout.strip()

    compared = subprocess.run(["diff", "-r", given, out], capture_output=True, text=True, check=False)
    assert (compared.returncode, compared.stdout) == (0, "")
    assert SHARED.exists() == was_there
    _tells_one_story(runner, job, given)


def _tells_one_story(runner: Runner, job: str, given: Path) -> None:
    """Every command that shows the job says the same of it."""
    files = {str(path.relative_to(given)): path.stat().st_size for path in given.rglob("*") if path.is_file()}
    pipeline, id_ = job.split("@")
    assert pipeline == PIPELINE

    (listed,) = runner.ask("job", "list")
    inspected = runner.ask("job", "inspect", job)
    commit = runner.ask("commit", "inspect", job)
    record = runner.ask("provenance", "show", job)

    assert listed["job"]["id"] == inspected["job"]["id"] == commit["commit"]["id"] == id_ == record["output"]["commit"]
    assert listed["state"] == inspected["state"] == "JOB_SUCCESS"
    assert inspected["outputCommit"]["repo"]["name"] == PIPELINE
    assert commit["objects"] == record["output"]["objects"] == len(files)
    assert commit["details"]["sizeBytes"] == record["output"]["bytes"] == sum(files.values())
    assert record["output"]["digest"] == commit["digest"]
    if "observedCount" in record:  # long lists are an object of their own
        assert record["observedCount"] == len(files) + 1  # and one listing
    else:
        assert {seen["key"] for seen in record["observed"] if seen["op"] == "get"} == set(files)
    assert sorted(runner.keys(job)) == sorted(files)
    assert "s3 ls" in runner("job", "logs", job).stdout  # set -x shows it
    runner("store", "check")
