"""A disk that fills up while a store is written to: nothing is half there, and all works again once there is room."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.command import Runner

MIB = 1 << 20
UNAVAILABLE = 75


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    mount, umount = (shutil.which(name) for name in ("mount", "umount"))
    assert mount is not None and umount is not None, "this lane needs mount and umount, and the right to use them"  # noqa: PT018
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run([umount, folder], check=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [100_000, 2 * MIB], ids=["small-objects", "large-objects"])
def test_a_disk_that_is_full_is_told_and_takes_no_harm(tmp_path, disk, size) -> None:
    runner = Runner(tmp_path, {"RUNNER_STORE": str(disk / "store")})
    chance = random.Random(size)
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, total in ((first, MIB), (second, 12 * MIB)):
        folder.mkdir()
        for number in range(max(1, total // size)):
            (folder / f"{folder.name}-{number:03}").write_bytes(chance.randbytes(min(size, total)))
    made = runner("file", "put", "-r", first, "data@master:/").stdout.strip()
    keys = runner.keys("data@master")

    for _ in range(2):
        refused = runner("file", "put", "-r", second, "data@master:/", status=UNAVAILABLE)
        sentence, *hint = refused.stderr.strip().splitlines()
        assert "full" in sentence
        assert len(hint) == 1
        assert "Traceback" not in refused.stderr
        assert refused.stdout == ""
        assert runner.ask("branch", "inspect", "data@master")["head"]["id"] == made.partition("@")[2]
        assert runner.keys("data@master") == keys
        runner("store", "check", "--read-data")

    runner("store", "gc", "--grace", "0s")
    for path in sorted(second.iterdir())[2 * MIB // size + 1 :]:
        path.unlink()
    runner("file", "put", "-r", second, "data@master:/")
    assert len(runner.keys("data@master")) == len(keys) + len(list(second.iterdir()))
    runner("store", "check", "--read-data")
