"""Whatever a command prints: all of it is kept, in bounded memory, and it does no harm to those who look."""

import json
import sys

import pytest

from runner.host.lines import CUT
from tests.long.test_memory import Sampler

pytestmark = pytest.mark.timeout(3600)

LIMIT_MIB = 120
LINE = "0123456789" * 400


@pytest.fixture
def printed(runner, labresults, figures):
    """Run a job of Python code that prints; return its lines as they came on stderr, one record at a time."""

    def run(name, program, take):
        spec = runner.spec(name, [sys.executable, "-c", program], datumTries=1)
        given = ("--input", f"labresults={labresults / 'notes'}", "--log-format", "json")
        with runner.start("run", spec, *given) as process:
            sampler = Sampler(process)
            sampler.start()
            for line in process.stderr:
                record = json.loads(line)
                if record.get("user"):
                    take(record["message"])
            job = process.stdout.read().strip()
            sampler.stop()
        assert process.returncode == 0
        peak = max(sampler.samples_mib)
        figures(f"{name}: peak {peak:.1f} MiB")
        assert peak < LIMIT_MIB
        return job

    return run


def test_1_gb_of_lines_is_kept_whole(printed, runner) -> None:
    count, wrong = 0, 0

    def take(line):
        nonlocal count, wrong
        count += 1
        wrong += line != LINE

    program = f"import sys; block = '{LINE}\\n' * 250\nfor _ in range(1000): sys.stdout.write(block)"
    job = printed("lines", program, take)
    assert (count, wrong) == (250_000, 0)
    with runner.start("job", "logs", "--user", job) as process:
        assert sum(line == f"{LINE}\n" for line in process.stdout) == count


def test_a_line_of_100_mb_comes_in_marked_pieces_and_loses_nothing(printed) -> None:
    sizes = []
    printed("long", "import sys; sys.stdout.write('x' * 100_000_000)", lambda line: sizes.append(len(line)))
    assert sum(sizes) - (len(sizes) - 1) * len(CUT) == 100_000_000
    assert max(sizes) < 100_000


def test_garbage_is_valid_json_and_moves_no_terminal(printed, runner) -> None:
    """Random bytes, NULs, escapes that set titles, clear screens and switch modes, returns without line feeds."""
    program = """
import os, random, sys
chance = random.Random(0)
escapes = [b"\\x1b]0;title\\x07", b"\\x1b[2J", b"\\x1bc", b"\\x1b[?1049h", b"\\xc2\\x9b2J", b"\\r", b"\\0"]
for _ in range(5_000):
    sys.stdout.buffer.write(chance.randbytes(1000) + chance.choice(escapes))
    if chance.random() < 0.1:
        sys.stdout.buffer.write(b"\\n")
sys.stdout.buffer.write(b"\\nover\\n")
"""
    lines = []
    job = printed("garbage", program, lines.append)
    assert lines[-1] == "over"
    for form in ("--system", "--raw"):
        shown = runner("job", "logs", job, form).stdout
        assert {char for char in shown if ord(char) < 32 or 128 <= ord(char) < 160} <= {"\n"}
    assert [json.loads(line)["message"] for line in shown.splitlines() if '"user":true' in line] == lines
