"""The shapes of the JSON documents that ``-o json`` prints: Pachyderm's protojson names in camelCase, plus ours.

They are typed dictionaries, so that their JSON Schemas are derived from what is really built. Counters are JSON numbers
(proto3's JSON form reads numbers and strings alike); times are RFC 3339 in UTC; a field without a value is absent.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic derives schemas from these only, before 3.12


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
    bytesRead: int
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


class DatumFileInfo(TypedDict):
    """What one input gave to a datum: a file, a folder (``DIR``) or a bucket, whose path is ``/``."""

    input: str
    file: FileRef
    fileType: Literal["FILE", "DIR"]
    objects: int
    sizeBytes: int


class DatumInfo(TypedDict):
    """A datum with its files and tries; ``objects`` and ``sizeBytes`` are what it wrote, or what was carried over."""

    datum: DatumRef
    state: str
    data: list[DatumFileInfo]
    objects: int
    sizeBytes: int
    attempts: list[AttemptInfo]


class Damage(TypedDict):
    """One damage, and some of what cannot be trusted because of it."""

    what: str
    touches: list[str]


class CheckInfo(TypedDict):
    """What a check of the store looked at and found."""

    sound: bool
    dataRead: bool
    commits: int
    entries: int
    blobs: int
    sizeBytes: int
    problems: list[Damage]
    notes: list[str]


class CollectInfo(TypedDict):
    """What a collection of garbage found, and what of it was old enough to go; of a dry run what it found alone."""

    dryRun: bool
    commits: int
    layers: int
    blobs: int
    sizeBytes: int
    removedBlobs: int
    freedBytes: int


class StatsInfo(TypedDict):
    """Sizes of a store; ``logicalBytes`` counts each commit as a copy, ``storedBytes`` each content once."""

    repos: int
    branches: int
    commits: int
    quarantined: int
    objects: int
    headBytes: int
    logicalBytes: int
    blobs: int
    storedBytes: int
    diskBytes: int
    catalogBytes: int
    deduplication: float


class PipelineInfo(TypedDict):
    """A pipeline at the version in force; ``details`` is the effective spec.

    ``state`` and ``stopped`` are there when it is registered, not only run by hand. ``newestVersion`` and ``digest``,
    the BLAKE2b of the effective spec in hex, are ours.
    """

    pipeline: PipelineRef
    version: int
    newestVersion: int
    type: str
    state: NotRequired[str]
    stopped: NotRequired[bool]
    createdAt: str
    digest: str
    lastJobState: NotRequired[str]
    details: NotRequired[Any]


class AccountRef(TypedDict):
    """An account's name."""

    name: str


class AccessInfo(TypedDict):
    """What an account may do with a repo; without a repo, with every one."""

    repo: NotRequired[RepoRef]
    level: Literal["READ", "WRITE", "ADMIN", "OWNER"]


class AccountInfo(TypedDict):
    """An account; of its tokens only how many are good."""

    account: AccountRef
    created: str
    tokens: int
    access: list[AccessInfo]


SCHEMAS: Mapping[str, type] = {
    "job": JobInfo,
    "datum": DatumInfo,
    "commit": CommitInfo,
    "branch": BranchInfo,
    "repo": RepoInfo,
    "file": FileInfo,
    "project": ProjectInfo,
    "pipelineInfo": PipelineInfo,
    "check": CheckInfo,
    "collection": CollectInfo,
    "stats": StatsInfo,
    "account": AccountInfo,
}


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document *name*, a key of `SCHEMAS`."""
    from pydantic import TypeAdapter

    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return schema | TypeAdapter(SCHEMAS[name]).json_schema(mode="serialization")
