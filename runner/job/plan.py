"""What a job is about to run: its datums, written down, and which of them are as they were.

A datum is the same when its files are, and what processes them: the command with its input and variables, those files
of this machine that the command names, and the programs among those that lines of its input name. What programs import
is not looked at.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import trio

from runner.job.datums import Datum, Datums, plan_datums
from runner.job.prepare import Ready
from runner.model.job import DatumFile, JobInput
from runner.model.pipeline import Pipeline
from runner.model.provenance import canonical
from runner.spec.globs import Glob
from runner.store.files.folder import TargetFolder
from runner.store.files.paths import Match
from runner.store.jobs.datums import Planned
from runner.store.sessions.sessions import DatumCounts, JobSession

UNTIL_SUCCESS = "until_success"
_PROGRAMS = frozenset({".py", ".sh", ".bash", ".r", ".R", ".Rmd", ".jl", ".pl", ".rb", ".js", ".sql", ".awk", ".ipynb"})
_HASHED_MAX_BYTES = 16 * 1024 * 1024
_IRRELEVANT = ("err_cmd", "err_stdin")  # they run after failures, whose output is not kept


async def plan(session: JobSession, ready: Ready, *, skip: bool) -> Datums:
    """Find the datums of a job, write them down, and carry the output of those over that need not be run.

    Args:
        session: Of the job.
        ready: What runs, and where.
        skip: Whether any may be skipped, if the spec agrees.

    Raises:
        OddKeys: (Invalid) A folder cannot hold what an input gives.
        What the store raises.
    """
    pipeline = ready.pipeline
    folds_case = await trio.to_thread.run_sync(_folds_case, ready.host.scratch)

    async def find(given: JobInput, glob: Glob) -> Sequence[Match]:
        return await session.datums.find(
            given, lambda path: glob.match(path) is not None, glob.prefix, folds_case=folds_case
        )

    datums = await plan_datums(pipeline, session.inputs, find, session.datums.weigh)
    code = (
        None
        if pipeline.s3_out
        else await trio.to_thread.run_sync(code_digest, pipeline, ready.host.inherited.get("PATH"))
    )
    await session.datums.put(
        (_planned(datum, code) for datum in datums),
        skip=skip and not pipeline.s3_out and pipeline.reprocess_spec == UNTIL_SUCCESS,
    )
    return datums


def skipped(session: JobSession, counts: DatumCounts) -> str:
    """Say how many datums are not run."""
    were, whose = ("is as it was", "its") if counts.data_skipped == 1 else ("are as they were", "their")
    done = f"{counts.data_skipped:,} of {counts.data_total:,} datums {were} in {session.datums.base}"
    return f"{done}; {whose} output stays"


def nothing_run(session: JobSession, counts: DatumCounts) -> str:
    """Say why no command was run in a job that succeeded."""
    if counts.data_skipped:
        were = "datums are as they were" if counts.data_skipped > 1 else "datum is as it was"
        return f"all {counts.data_skipped:,} {were} in {session.datums.base}, so the command was not run"
    traffic = session.traffic()
    if any(traffic[given.name].total_objects == 0 for given in session.inputs):
        return "an input is empty, so the command was not run"
    return "there are no datums: no file is what the inputs ask for, so the command was not run"


def _planned(datum: Datum, code: bytes | None) -> Planned:
    files = [DatumFile(each.input.name, each.path, each.objects, each.size_bytes) for each in datum.members]
    return Planned(datum.id, None if code is None else datum.hash(code), files)


def code_digest(pipeline: Pipeline, path: str | None) -> bytes:
    """Return the digest of what processes a datum; reads files, so it blocks.

    Args:
        pipeline: Whose command it is; also its ``salt`` counts, as in Pachyderm.
        path: Where commands are looked for.
    """
    transform = {name: value for name, value in asdict(pipeline.transform).items() if name not in _IRRELEVANT}
    transform["accept_return_code"] = sorted(pipeline.transform.accept_return_code)
    digest = hashlib.blake2b(canonical({"transform": transform, "salt": pipeline.spec.get("salt", "")}), digest_size=32)
    for file in _named_files(pipeline, path):
        digest.update(_file_digest(file))
    return digest.digest()


def _named_files(pipeline: Pipeline, path: str | None) -> Iterator[Path]:
    """Yield the regular files that the command names, and the programs that its standard input names."""
    transform = pipeline.transform
    found = shutil.which(transform.cmd[0], path=path) if transform.cmd else None
    folder = Path("/", transform.working_dir.lstrip("/")) if transform.working_dir else Path()
    for name in ([found] if found else []) + list(transform.cmd):
        if _is_file(folder / name):
            yield folder / name
    for line in transform.stdin or ():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # no shell's line
            continue
        for name in words:
            file = folder / name
            if _is_file(file) and (file.suffix in _PROGRAMS or os.access(file, os.X_OK)):
                yield file


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name of a file at all
        return False


def _file_digest(file: Path) -> bytes:
    """Return the digest of a file's bytes; of a large one, which is data and no code, of its size and time."""
    try:
        status = file.stat()
        if status.st_size <= _HASHED_MAX_BYTES:
            return hashlib.blake2b(file.read_bytes(), digest_size=32).digest()
    except OSError:
        return b"unreadable"
    return f"{status.st_size} {status.st_mtime_ns}".encode()


def _folds_case(scratch: Path) -> bool:
    if os.name == "posix" and os.uname().sysname == "Linux":
        return False
    folder = TargetFolder(scratch)
    try:
        return folder.folds_case()
    finally:
        folder.close()
