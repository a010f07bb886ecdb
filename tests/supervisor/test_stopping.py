"""Signals before and after the job itself, with the real command."""

import os
import signal
import sys

import pytest
import trio

from tests import databases

SPEC = """
pipeline: {name: copy}
input: {pfs: {repo: lab, glob: /, s3: true}}
transform: {cmd: ["true"]}
s3_out: true
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    (tmp_path / "spec.yaml").write_text(SPEC)
    return folder


async def run_until(tmp_path, event, *arguments):
    """Run the command, send SIGTERM when *event* is on stderr, return its status and what it said."""
    where = ("--store", databases.name_of(tmp_path / "store"))
    command = [sys.executable, "-m", "runner", *where, "run", str(tmp_path / "spec.yaml")]
    process = await trio.lowlevel.open_process(
        [*command, *arguments], stdout=-1, stderr=-1, env={**os.environ, "CI": ""}
    )
    said = b""
    async with process.stderr, process.stdout:
        async for piece in process.stderr:
            said += piece
            if event in said:
                process.send_signal(signal.SIGTERM)
                event = b"\0"
        await process.wait()
    return process.returncode, said.decode()


async def test_sigterm_during_an_import_ends_it_before_there_is_a_job(folder, tmp_path):
    with (folder / "large").open("wb") as file:
        file.truncate(20 << 30)  # takes minutes to read, and no room on the disk
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "a").write_bytes(b"1")
    (tmp_path / "spec.yaml").write_text(
        SPEC.replace(
            "{pfs: {repo: lab, glob: /, s3: true}}",
            "{cross: [{pfs: {repo: a, glob: /, s3: true}}, {pfs: {repo: lab, glob: /, s3: true}}]}",
        )
    )
    status, said = await run_until(
        tmp_path, b"input.imported", "--input", f"a={tmp_path / 'first'}", "--input", f"lab={folder}"
    )
    assert status == 128 + signal.SIGTERM
    assert "stopped by SIGTERM, before there was a job; nothing ran" in said
    assert list((databases.host_folder(tmp_path / "store") / "scratch").iterdir()) == []
