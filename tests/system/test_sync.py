"""Folders kept in step with a bucket of `runner serve`, by each client's own sync, both ways, and the odd names too."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.supervisor.server import Server
from tests.system.served import Desk, compare

pytestmark = pytest.mark.timeout(600)

FILES = 2000
PROGRAM = Path(__file__).with_name("programs") / "minio_tree.py"

ODD_NAMES = (
    "plain {}.csv",
    "{}+a.csv",
    "key={}.csv",
    "100% {}.txt",
    "%2F{}%20.txt",  # must not be decoded once more
    "größe/Straße {}.txt",
    "caf\u00e9 and cafe\u0301 {}",  # composed and decomposed: two letters é, neither normalised
    "日本/測定 {}.csv",
    "😀 {}",
    "deep/er/and/deeper/{}.bin",
    ".hidden/{}",
    "..{}",
    "{}.",
    " lead and trail {} ",
    "-dash {}",
    "a & b {}.txt",
    "{} 'single' \"double\".txt",
    "#{};2,3!.txt",
    "(x) {} [y] {{z}} @.txt",
    "~^`|<{}>.txt",
    "$HOME {}",
    "col:on {}",
    "{}?what",
    "star * {}",
    "back\\slash {}",
)


@dataclass
class Pair:
    """A folder with odd names, and the bucket ``data`` that is to be like it."""

    folder: Path
    back: Path
    server: Server
    desk: Desk

    def change(self) -> int:
        """Delete a tenth of the files, and return how many."""
        doomed = [path for path in self.folder.rglob("*") if path.is_file()][::10]
        for path in doomed:
            path.unlink()
        return len(doomed)

    @property
    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(name="pair")
def _pair(tmp_path, installed, runner, request) -> Iterator[Pair]:
    folder = tmp_path / "given"
    chance = random.Random(2000)
    for number in range(FILES):
        path = folder / f"ward {number % 10}" / ODD_NAMES[number % len(ODD_NAMES)].format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randint(1, 2048) if number % 100 else 0))
    with Server(tmp_path / "store", serve_commit_idle_seconds="30") as server:
        s3 = server.client()
        s3.create_bucket(Bucket="data")
        s3.close()
        pair = Pair(folder, tmp_path / "back", server, Desk(server, tmp_path / "desk", installed(request.param)))
        yield pair
        assert server.stop() == 0
    assert sorted(runner.keys("data@master")) == pair.names
    assert len(runner.ask("commit", "list", "data@master")) == 1  # nothing paused for so long
    runner("store", "check")


def timed(figures, what: str, call: Callable[[], str]) -> str:
    """Run a client over all files, and print how many it did in a second."""
    began = time.monotonic()
    said = call()
    figures(f"{what}: {FILES / (time.monotonic() - began):.0f} files/s")
    return said


@pytest.mark.parametrize("pair", ["awscli"], indirect=True)
def test_aws_s3_sync(pair, figures) -> None:
    def sync(source: str | Path, target: str | Path) -> str:
        return pair.desk("aws", "s3", "sync", "--delete", "--no-progress", source, target)

    bucket = "s3://data"
    assert timed(figures, "aws s3 sync up", lambda: sync(pair.folder, bucket)).count("upload: ") == FILES
    assert sync(pair.folder, bucket) == ""
    assert timed(figures, "aws s3 sync down", lambda: sync(bucket, pair.back)).count("download: ") == FILES
    assert sync(bucket, pair.back) == ""
    assert compare(pair.folder, pair.back) == ""

    gone = pair.change()
    assert sync(pair.folder, bucket).count("delete: ") == gone
    assert sync(bucket, pair.back).count("delete: ") == gone
    assert compare(pair.folder, pair.back) == ""


@pytest.mark.parametrize("pair", ["s5cmd"], indirect=True)
def test_s5cmd_sync(pair, figures) -> None:
    def up() -> str:
        return pair.desk("s5cmd", "sync", "--delete", f"{pair.folder}/", "s3://data")

    def down() -> str:
        return pair.desk("s5cmd", "sync", "--delete", "s3://data/*", f"{pair.back}/")

    assert len(timed(figures, "s5cmd sync up", up).splitlines()) == FILES
    assert up() == ""
    assert len(timed(figures, "s5cmd sync down", down).splitlines()) == FILES
    assert down() == ""
    assert compare(pair.folder, pair.back) == ""

    gone = pair.change()
    assert _starts(up()) == ["rm"] * gone
    assert _starts(down()) == ["rm"] * gone
    assert _files(pair.folder, pair.back) == ""


@pytest.mark.parametrize("pair", ["s3cmd"], indirect=True)
def test_s3cmd_sync(pair, figures) -> None:
    def sync(source: str, target: str) -> str:
        return pair.desk("s3cmd", "sync", "--delete-removed", source, target)

    folder, back, bucket = f"{pair.folder}/", f"{pair.back}/", "s3://data/"
    pair.back.mkdir()
    assert timed(figures, "s3cmd sync up", lambda: sync(folder, bucket)).count("upload: ") == FILES
    assert sync(folder, bucket) == ""
    assert timed(figures, "s3cmd sync down", lambda: sync(bucket, back)).count("download: ") == FILES
    assert sync(bucket, back) == ""
    assert compare(pair.folder, pair.back) == ""

    gone = pair.change()
    assert sync(folder, bucket).count("delete: ") == gone
    assert sync(bucket, back).count("delete: ") == gone
    assert _files(pair.folder, pair.back) == ""


@pytest.mark.parametrize("pair", ["rclone"], indirect=True)
def test_rclone_sync_check_and_bisync(pair, figures) -> None:
    def rclone(*words: str | Path) -> str:
        return pair.desk("rclone", "--verbose", *words)

    bucket, nothing = "s3:data", "There was nothing to transfer"
    up = timed(figures, "rclone sync up", lambda: rclone("sync", pair.folder, bucket))
    assert up.count(": Copied (new)") == FILES
    assert nothing in rclone("sync", pair.folder, bucket)
    checked = rclone("check", pair.folder, bucket)
    assert "0 differences found" in checked
    assert f"{FILES} matching files" in checked
    down = timed(figures, "rclone sync down", lambda: rclone("sync", bucket, pair.back))
    assert down.count(": Copied (new)") == FILES
    assert nothing in rclone("sync", bucket, pair.back)
    assert compare(pair.folder, pair.back) == ""

    gone = pair.change()
    assert rclone("sync", pair.folder, bucket).count(": Deleted") == gone
    assert rclone("sync", bucket, pair.back).count(": Deleted") == gone
    assert _files(pair.folder, pair.back) == ""
    _bisync(pair, rclone)


def _bisync(pair: Pair, rclone: Callable[..., str]) -> None:
    """Change the folder and the bucket, each elsewhere, and let rclone carry both ways."""
    words = ("bisync", "--workdir", pair.desk.folder / "bisync", pair.folder, "s3:data")
    rclone(*words, "--resync")
    assert "No changes found" in rclone(*words)

    here, there = pair.names[:2]
    (pair.folder / here).write_text("changed in the folder")
    (pair.folder / "new, here").write_text("new")
    changed = pair.desk.folder / "changed"
    changed.write_text("changed in the bucket")
    rclone("copyto", changed, f"s3:data/{there}")
    rclone("copyto", changed, "s3:data/new, there")
    rclone(*words)

    assert (pair.folder / there).read_text() == (pair.folder / "new, there").read_text() == "changed in the bucket"
    assert "0 differences found" in rclone("check", "--download", pair.folder, "s3:data")


@pytest.mark.parametrize("pair", ["minio"], indirect=True)
def test_minio_py_puts_lists_stats_and_reads_all(pair, figures) -> None:
    def program(*words: str | Path) -> str:
        return pair.desk("python3", PROGRAM, *words)

    timed(figures, "minio-py put and stat", lambda: program("put", pair.folder, "data"))
    assert timed(figures, "minio-py get", lambda: program("get", "data", pair.back)).splitlines() == pair.names
    assert compare(pair.folder, pair.back) == ""


def _starts(said: str) -> list[str]:
    return [line.partition(" ")[0] for line in said.splitlines()]


def _files(one: Path, other: Path) -> str:
    """Say in which files two folders differ; these clients leave behind folders that became empty."""
    for folder in (one, other):
        subprocess.run(["find", folder, "-type", "d", "-empty", "-delete"], check=True)
    return compare(one, other)
