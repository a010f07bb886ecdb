"""Memory does not grow with what passes through."""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.system.command import Runner

pytestmark = pytest.mark.timeout(3600)

PROGRAMS = Path(__file__).with_name("programs")
MIB = 2**20
LIMIT_MIB = 160
DISK_GIB = 20
GROWTH_MIB = 10


class Sampler(threading.Thread):
    """Reads the resident memory of a process each 100 ms until it ends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.samples_mib: list[float] = []
        self._process = process
        self._ended = threading.Event()
        self._statm = Path(f"/proc/{process.pid}/statm")

    def run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._ended.wait(0.1) and self._process.poll() is None:
            fields = self._statm.read_text().split()
            if fields:
                self.samples_mib.append(int(fields[1]) * page / MIB)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def test_memory_stays_level_under_4_gib_objects(runner, installed, tmp_path, figures) -> None:
    free = shutil.disk_usage(tmp_path).free / 2**30
    assert free > DISK_GIB, f"{tmp_path} has {free:.0f} GiB, and the store takes 17"
    given = tmp_path / "given"
    given.mkdir()
    with (given / "large.bin").open("wb") as file:
        for _ in range(512):
            file.write(os.urandom(MIB))
    try:
        samples, seconds = _measure(runner, installed, given)
    finally:
        shutil.rmtree(runner.folder / "store", ignore_errors=True)

    quarter = len(samples) // 4
    first, last = max(samples[:quarter]), max(samples[-quarter:])
    moved = 8 * 4096 / seconds
    figures(
        f"memory: {len(samples)} samples in {seconds:.0f} s, {moved:.0f} MiB/s through the gateway; "
        f"maximum {max(samples):.1f} MiB, first quarter {first:.1f}, last quarter {last:.1f}"
    )
    assert max(samples) < LIMIT_MIB
    assert last - first < GROWTH_MIB


def _measure(runner: Runner, installed, given: Path) -> tuple[list[float], float]:
    """Run the traffic and return the memory in MiB from its first line on, and how long it took."""
    path = [installed(name)["PATH"].split(os.pathsep)[0] for name in ("boto3", "awscli", "rclone", "s5cmd")]
    spec = runner.spec("traffic", ["sh", str(PROGRAMS / "traffic.sh")])
    variables = {"PATH": os.pathsep.join([*path, os.environ["PATH"]]), "PROGRAMS": str(PROGRAMS)}
    words = ("run", spec, "--input", f"labresults={given}", "--tries", "1", "--log-format", "json")
    with runner.start(*words, **variables) as process:
        assert process.stderr is not None
        said, began = [], 0.0
        sampler = Sampler(process)
        for line in process.stderr:
            said.append(line)
            if '"begins"' in line:
                began = time.monotonic()
                sampler.start()
        ended = time.monotonic()
        sampler.stop()
    assert process.returncode == 0, "".join(said[-50:])
    assert len(sampler.samples_mib) > 100
    return sampler.samples_mib, ended - began
