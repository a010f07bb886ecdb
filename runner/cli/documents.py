"""The JSON documents that ``-o json`` prints: Pachyderm's protojson names in camelCase, plus ours.

They are typed dictionaries, so that their JSON Schemas are derived from what is really built, and nothing but the
standard library is imported to build one. Counters are JSON numbers (proto3's JSON form reads numbers and strings
alike); times are RFC 3339 in UTC; a field without a value is absent.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic derives schemas from these only, before 3.12

from runner.cli.words import rfc3339
from runner.model.commit import Branch, Commit, Repo
from runner.model.entry import Entry
from runner.model.ids import CommitId
from runner.model.job import Attempt, Job, JobInput, JobKey

JOB_PREFIX = "JOB_"


class ProjectRef(TypedDict):
    """A project's name."""

    name: str


class RepoRef(TypedDict):
    """A repo's name; its type is always ``user``."""

    name: str
    type: str
    project: ProjectRef


class BranchRef(TypedDict):
    """A branch's name."""

    repo: RepoRef
    name: str


class CommitRef(TypedDict):
    """A commit's id in its repo."""

    repo: RepoRef
    id: str
    branch: NotRequired[BranchRef]


class PipelineRef(TypedDict):
    """A pipeline's name."""

    project: ProjectRef
    name: str


class JobRef(TypedDict):
    """A job's id in its pipeline."""

    pipeline: PipelineRef
    id: str


class ProjectInfo(TypedDict):
    """A project."""

    project: ProjectRef
    description: NotRequired[str]
    createdAt: NotRequired[str]


class SizeDetails(TypedDict):
    """Exact sizes."""

    sizeBytes: int


class RepoInfo(TypedDict):
    """A repo; sizes are those of its branch ``master``."""

    repo: RepoRef
    created: str
    description: NotRequired[str]
    sizeBytesUpperBound: int
    details: SizeDetails
    branches: NotRequired[list[BranchRef]]


class BranchInfo(TypedDict):
    """A branch; ``head`` is absent while nothing was committed."""

    branch: BranchRef
    head: NotRequired[CommitRef]
    createdAt: str


class Origin(TypedDict):
    """Who made a commit."""

    kind: Literal["USER", "AUTO"]


class CommitInfo(TypedDict):
    """A commit; ``state``, ``objects`` and ``digest`` (hex) are ours."""

    commit: CommitRef
    origin: Origin
    description: NotRequired[str]
    parentCommit: NotRequired[CommitRef]
    started: str
    finished: NotRequired[str]
    error: NotRequired[str]
    sizeBytesUpperBound: int
    details: SizeDetails
    state: Literal["OPEN", "FINISHED", "QUARANTINED"]
    objects: int
    digest: str


class FileRef(TypedDict):
    """A path in a commit, with Pachyderm's leading slash."""

    commit: CommitRef
    path: str


class FileInfo(TypedDict):
    """An object, or a common prefix as a folder; ``hash`` is base64, ``etag`` and what follows are ours."""

    file: FileRef
    fileType: Literal["FILE", "DIR"]
    sizeBytes: NotRequired[int]
    committed: NotRequired[str]
    hash: NotRequired[str]
    etag: NotRequired[str]
    headers: NotRequired[dict[str, str]]
    metadata: NotRequired[dict[str, str]]


class Usage(TypedDict):
    """What a child and its waited-for children used."""

    userSeconds: float
    systemSeconds: float
    maxRssBytes: int


AttemptInfo = TypedDict(
    "AttemptInfo",
    {
        "datumId": str,
        "try": int,
        "started": str,
        "finished": NotRequired[str],
        "status": NotRequired[int],
        "signal": NotRequired[int],
        "reason": NotRequired[str],
        "objects": int,
        "sizeBytes": int,
        "usage": NotRequired[Usage],
    },
)
AttemptInfo.__doc__ = "One try of one datum; exactly one of ``status`` and ``signal`` once the command ended."


class JobInputInfo(TypedDict):
    """An input as the job was given it."""

    name: str
    commit: CommitRef
    s3: bool


class JobDetails(TypedDict):
    """What a job was made from."""

    input: NotRequired[Any]
    transform: NotRequired[Any]


class JobStats(TypedDict):
    """Bytes that the user code read and wrote, S3 traffic included."""

    downloadBytes: int
    uploadBytes: int


class ReadInfo(TypedDict):
    """How much of one input was read."""

    name: str
    objectsRead: int
    objectsTotal: int
    keysAbsent: list[str]


class JobInfo(TypedDict):
    """A job; ``status`` (the runner's exit status), ``inputs`` and what follows are ours."""

    job: JobRef
    pipelineVersion: int
    outputCommit: CommitRef
    restart: int
    dataProcessed: int
    dataSkipped: int
    dataTotal: int
    dataFailed: int
    dataRecovered: int
    stats: JobStats
    state: str
    reason: NotRequired[str]
    created: str
    started: NotRequired[str]
    finished: NotRequired[str]
    details: NotRequired[JobDetails]
    status: NotRequired[int]
    inputs: list[JobInputInfo]
    attempts: NotRequired[list[AttemptInfo]]
    reads: NotRequired[list[ReadInfo]]
    output: NotRequired[CommitInfo]
    quarantined: NotRequired[CommitInfo]


class DatumRef(TypedDict):
    """A datum's id in its job."""

    job: JobRef
    id: str


class DatumInfo(TypedDict):
    """A datum with its tries."""

    datum: DatumRef
    state: str
    attempts: list[AttemptInfo]


def _set(document: Any, **fields: Any) -> None:
    """Add the fields that have a value."""
    document.update({name: value for name, value in fields.items() if value not in (None, "")})


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def repo_ref(project: str, name: str) -> RepoRef:
    """Name a repo."""
    return {"name": name, "type": "user", "project": {"name": project}}


def branch_ref(project: str, repo: str, name: str) -> BranchRef:
    """Name a branch."""
    return {"repo": repo_ref(project, repo), "name": name}


def commit_ref(project: str, repo: str, id_: CommitId, branch: str = "") -> CommitRef:
    """Name a commit, with the branch it was made on where that is known."""
    document: CommitRef = {"repo": repo_ref(project, repo), "id": id_}
    if branch:
        document["branch"] = branch_ref(project, repo, branch)
    return document


def job_ref(key: JobKey) -> JobRef:
    """Name a job."""
    return {"pipeline": {"project": {"name": key.project}, "name": key.pipeline}, "id": key.id}


def project_info(name: str, created: datetime | None = None, description: str = "") -> ProjectInfo:
    """Describe a project."""
    document: ProjectInfo = {"project": {"name": name}}
    _set(document, description=description, createdAt=_time(created))
    return document


def repo_info(repo: Repo, branches: Sequence[Branch] | None = None) -> RepoInfo:
    """Describe a repo, with the names of its branches if they were looked up."""
    document: RepoInfo = {
        "repo": repo_ref(repo.project, repo.name),
        "created": rfc3339(repo.created),
        "sizeBytesUpperBound": repo.size_bytes,
        "details": {"sizeBytes": repo.size_bytes},
    }
    _set(document, description=repo.description)
    if branches is not None:
        document["branches"] = [branch_ref(each.project, each.repo, each.name) for each in branches]
    return document


def branch_info(branch: Branch) -> BranchInfo:
    """Describe a branch."""
    document: BranchInfo = {
        "branch": branch_ref(branch.project, branch.repo, branch.name),
        "createdAt": rfc3339(branch.created),
    }
    if branch.head is not None:
        document["head"] = commit_ref(branch.project, branch.repo, branch.head, branch.name)
    return document


def commit_info(commit: Commit) -> CommitInfo:
    """Describe a commit."""
    document: CommitInfo = {
        "commit": commit_ref(commit.project, commit.repo, commit.id, commit.branch),
        "origin": {"kind": commit.origin.value},
        "started": rfc3339(commit.started),
        "sizeBytesUpperBound": commit.size_bytes,
        "details": {"sizeBytes": commit.size_bytes},
        "state": commit.state.value,
        "objects": commit.objects,
        "digest": commit.digest.hex(),
    }
    _set(document, description=commit.description, error=commit.error, finished=_time(commit.finished))
    if commit.parent is not None:
        document["parentCommit"] = commit_ref(commit.project, commit.repo, commit.parent, commit.branch)
    return document


def file_info(commit: Commit, item: Entry | bytes) -> FileInfo:
    """Describe one item of a listing: an object, or a common prefix."""
    key = item if isinstance(item, bytes) else item.key
    path = "/" + key.decode("utf-8", "backslashreplace")
    reference: FileRef = {"commit": commit_ref(commit.project, commit.repo, commit.id, commit.branch), "path": path}
    if isinstance(item, bytes):
        return {"file": reference, "fileType": "DIR"}
    document: FileInfo = {
        "file": reference,
        "fileType": "FILE",
        "sizeBytes": item.size,
        "committed": rfc3339(item.modified),
        "hash": base64.b64encode(item.digest).decode(),
        "etag": item.etag,
    }
    if item.attributes.headers:
        document["headers"] = dict(item.attributes.headers)
    if item.attributes.metadata:
        document["metadata"] = dict(item.attributes.metadata)
    return document


def attempt_info(attempt: Attempt) -> AttemptInfo:
    """Describe a try."""
    document: AttemptInfo = {
        "datumId": attempt.datum,
        "try": attempt.number,
        "started": rfc3339(attempt.started),
        "objects": attempt.objects,
        "sizeBytes": attempt.size_bytes,
    }
    _set(document, finished=_time(attempt.finished), reason=attempt.reason)
    if attempt.exit is not None:
        _set(document, status=attempt.exit.status, signal=attempt.exit.signal)
        if usage := attempt.exit.usage:
            document["usage"] = {
                "userSeconds": usage.user_seconds,
                "systemSeconds": usage.system_seconds,
                "maxRssBytes": usage.max_rss_bytes,
            }
    return document


def _input_info(given: JobInput) -> JobInputInfo:
    return {
        "name": given.name,
        "commit": commit_ref(given.project, given.repo, given.commit, given.branch),
        "s3": given.s3,
    }


def job_info(job: Job) -> JobInfo:
    """Describe a job as a list shows it; `runner.cli.stories` adds what an inspection tells."""
    document: JobInfo = {
        "job": job_ref(job.key),
        "pipelineVersion": job.version,
        "outputCommit": commit_ref(job.key.project, job.output_repo, job.key.id, job.output_branch),
        "restart": job.restarts,
        "dataProcessed": job.data_processed,
        "dataSkipped": job.data_skipped,
        "dataTotal": job.data_total,
        "dataFailed": job.data_failed,
        "dataRecovered": job.data_recovered,
        "stats": {"downloadBytes": job.read_bytes, "uploadBytes": job.written_bytes},
        "state": JOB_PREFIX + job.state.value,
        "created": rfc3339(job.created),
        "inputs": [_input_info(given) for given in job.inputs],
    }
    _set(document, reason=job.reason, started=_time(job.started), finished=_time(job.finished), status=job.status)
    return document


SCHEMAS: Mapping[str, type] = {
    "job": JobInfo,
    "datum": DatumInfo,
    "commit": CommitInfo,
    "branch": BranchInfo,
    "repo": RepoInfo,
    "file": FileInfo,
    "project": ProjectInfo,
}


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document *name*, a key of `SCHEMAS`."""
    from pydantic import TypeAdapter

    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return schema | TypeAdapter(SCHEMAS[name]).json_schema(mode="serialization")
