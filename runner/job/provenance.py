"""The provenance record: what was declared, what was really read, what ran and what came out.

Pure: from values to the document that is committed with the output. It holds no secret: of variables only those
values that are allowed by name, of the spec its digest.
"""

from __future__ import annotations

import fnmatch
import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner import __version__
from runner.model.job import Attempt, JobInput, JobKey
from runner.model.pipeline import Pipeline
from runner.model.provenance import SCHEMA, Observed, ReadKind, Record, canonical

OBSERVED_INLINE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the code ran."""

    name: str
    system: str
    release: str
    architecture: str


def this_machine() -> Machine:
    """Describe the machine that we are on."""
    about = platform.uname()
    return Machine(about.node, about.system, about.release, about.machine)


def build(
    *,
    key: JobKey,
    version: int,
    pipeline: Pipeline,
    machine: Machine,
    environment: Mapping[str, str],
    allowed: Sequence[str],
    inputs: Sequence[tuple[JobInput, bytes]],
    observed: Sequence[Observed],
    attempts: Sequence[Attempt],
    skipped: int = 0,
    base: JobKey | None = None,
    clean: Callable[[str], str],
) -> Record:
    """Return the record of a job, all but its output: the store knows that, and adds it when it commits.

    Args:
        key: The job.
        version: Of the pipeline.
        pipeline: What it declares.
        machine: Where it ran.
        environment: Of the last attempt.
        allowed: Patterns of names whose values are recorded.
        inputs: Each with the digest of its commit.
        observed: What was read. Up to 1,000 entries stand in the record; more are named by count and digest, and
            are an object of their own.
        attempts: All, in order.
        skipped: How many datums were not run, because they are as they were in the job *base*, whose record tells of
            them.
        base: That job.
        clean: Takes secrets out of a text.
    """
    transform = pipeline.transform
    reads = [observed_entry(read) for read in observed]
    return {
        "schema": SCHEMA,
        "job": {"project": key.project, "pipeline": key.pipeline, "id": key.id},
        "spec": {"digest": pipeline.digest, "version": version},
        "command": {
            "cmd": [clean(word) for word in transform.cmd],
            **({"stdin": [clean(line) for line in transform.stdin]} if transform.stdin is not None else {}),
            **({"workingDir": transform.working_dir} if transform.working_dir else {}),
            **({"user": transform.user} if transform.user else {}),
        },
        "environment": [_variable(name, clean(environment[name]), allowed) for name in sorted(environment)],
        **({"image": transform.image} if transform.image else {}),
        "host": {
            "name": machine.name,
            "system": machine.system,
            "release": machine.release,
            "architecture": machine.architecture,
        },
        "inputs": [
            {
                "name": pinned.name,
                "project": pinned.project,
                "repo": pinned.repo,
                "branch": pinned.branch,
                "commit": pinned.commit,
                "digest": digest.hex(),
            }
            for pinned, digest in inputs
        ],
        **_observed(reads),
        "attempts": [_attempt(attempt) for attempt in attempts],
        **({"skipped": {"datums": skipped, "job": base.id}} if skipped and base else {}),
        "runner": {"version": __version__},
    }


def output_entry(commit: str, digest: bytes, objects: int, size_bytes: int) -> Mapping[str, Any]:
    """Return what came out, as it stands in the record under ``output``."""
    return {"commit": commit, "digest": digest.hex(), "objects": objects, "bytes": size_bytes}


def observed_entry(read: Observed) -> Mapping[str, Any]:
    """Return one thing that was read, as it stands in the record."""
    entry: dict[str, Any] = {"input": read.input, "key": read.key.decode(errors="backslashreplace"), "op": read.op}
    if read.etag:
        entry["etag"] = read.etag
    if read.ranges:
        entry["ranges"] = [list(span) for span in read.ranges]
    if read.op is ReadKind.LIST:
        entry["delimiter"] = read.delimiter.decode(errors="backslashreplace")
        if read.reached is not None:
            entry["reached"] = read.reached.decode(errors="backslashreplace")
    return entry | {"count": read.count, "first": _time(read.first), "last": _time(read.last)}


def _observed(reads: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if len(reads) <= OBSERVED_INLINE_MAX:
        return {"observed": list(reads)}
    digest = hashlib.blake2b(digest_size=32)
    for read in reads:
        digest.update(canonical(read) + b"\n")
    return {"observed": [], "observedCount": len(reads), "observedDigest": digest.hexdigest()}


def _variable(name: str, value: str, allowed: Sequence[str]) -> Mapping[str, str]:
    shown = any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)
    return {"name": name, "value": value} if shown else {"name": name}


def _attempt(attempt: Attempt) -> Mapping[str, Any]:
    entry: dict[str, Any] = {"datum": attempt.datum, "try": attempt.number, "started": _time(attempt.started)}
    if attempt.finished is not None:
        entry["finished"] = _time(attempt.finished)
    if attempt.reason:
        entry["reason"] = attempt.reason
    if attempt.exit is not None:
        entry["status"] = attempt.exit.status
        if attempt.exit.signal is not None:
            entry["signal"] = attempt.exit.signal
        if attempt.exit.usage is not None:
            usage = attempt.exit.usage
            entry["rusage"] = {
                "userSeconds": usage.user_seconds,
                "systemSeconds": usage.system_seconds,
                "maxRssBytes": usage.max_rss_bytes,
            }
    return entry


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
