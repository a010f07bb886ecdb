"""Model words to the documents of `runner.cli.shapes`; nothing but the standard library is imported to build one."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runner.cli.shapes import (
    AccessInfo,
    AccountInfo,
    AttemptInfo,
    BranchInfo,
    BranchRef,
    CheckInfo,
    CollectInfo,
    CommitInfo,
    CommitRef,
    DatumFileInfo,
    DatumInfo,
    FileInfo,
    FileRef,
    JobInfo,
    JobInputInfo,
    JobRef,
    PipelineInfo,
    ProjectInfo,
    RepoInfo,
    RepoRef,
    StatsInfo,
)
from runner.cli.words import rfc3339
from runner.model.account import EVERY_REPO, Access, Account
from runner.model.commit import Branch, Commit, Repo
from runner.model.entry import Entry
from runner.model.ids import CommitId
from runner.model.job import Attempt, DatumFile, Job, JobDatum, JobInput, JobKey
from runner.model.pipeline import PipelineState

if TYPE_CHECKING:
    from runner.store.check import Report
    from runner.store.collect import Collected
    from runner.store.jobs.pipelines import Registered
    from runner.store.stats import Stats

JOB_PREFIX = "JOB_"


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


def account_info(account: Account) -> AccountInfo:
    """Describe an account."""
    return {
        "account": {"name": account.name},
        "created": rfc3339(account.created),
        "tokens": account.tokens,
        "access": [_access(each) for each in account.access],
    }


def _access(access: Access) -> AccessInfo:
    level: Any = access.level.name
    return (
        {"level": level}
        if access.repo == EVERY_REPO
        else {"repo": repo_ref(access.project, access.repo), "level": level}
    )


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


def datum_info(job: Job, datum: JobDatum, tries: Sequence[Attempt]) -> DatumInfo:
    """Describe a datum of a job, with its files and tries."""
    return {
        "datum": {"job": job_ref(job.key), "id": datum.id},
        "state": datum.state.value,
        "data": [_datum_file(job, file) for file in datum.files],
        "objects": datum.objects,
        "sizeBytes": datum.size_bytes,
        "attempts": [attempt_info(attempt) for attempt in tries],
    }


def _datum_file(job: Job, file: DatumFile) -> DatumFileInfo:
    given = next(each for each in job.inputs if each.name == file.input)
    return {
        "input": file.input,
        "file": {"commit": commit_ref(given.project, given.repo, given.commit, given.branch), "path": file.path},
        "fileType": "DIR" if file.path.endswith("/") else "FILE",
        "objects": file.objects,
        "sizeBytes": file.size_bytes,
    }


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


def pipeline_info(pipeline: Registered, last: Job | None = None) -> PipelineInfo:
    """Describe a pipeline at the version in force, with the state of its last job if it has one."""
    document: PipelineInfo = {
        "pipeline": {"project": {"name": pipeline.project}, "name": pipeline.name},
        "version": pipeline.version,
        "newestVersion": pipeline.newest,
        "type": "PIPELINE_TYPE_TRANSFORM",
        "createdAt": rfc3339(pipeline.created),
        "digest": pipeline.digest,
    }
    if pipeline.state is not None:
        document["state"] = f"PIPELINE_{pipeline.state.value}"
        document["stopped"] = pipeline.state is PipelineState.PAUSED
    if last is not None:
        document["lastJobState"] = JOB_PREFIX + last.state.value
    return document


def check_info(report: Report, *, read_data: bool) -> CheckInfo:
    """Describe what a check of the store found."""
    return {
        "sound": report.is_sound,
        "dataRead": read_data,
        "commits": report.commits,
        "entries": report.entries,
        "blobs": report.blobs,
        "sizeBytes": report.size_bytes,
        "problems": [{"what": problem.what, "touches": list(problem.touches)} for problem in report.problems],
        "notes": list(report.notes),
    }


def collect_info(found: Collected, *, dry_run: bool) -> CollectInfo:
    """Describe what a collection of garbage found and removed."""
    return {
        "dryRun": dry_run,
        "commits": found.commits,
        "layers": found.layers,
        "blobs": found.blobs,
        "sizeBytes": found.size_bytes,
        "removedBlobs": found.removed_blobs,
        "freedBytes": found.freed_bytes,
    }


def stats_info(stats: Stats) -> StatsInfo:
    """Describe the sizes of a store."""
    return {
        "repos": stats.repos,
        "branches": stats.branches,
        "commits": stats.commits,
        "quarantined": stats.quarantined,
        "objects": stats.objects,
        "headBytes": stats.head_bytes,
        "logicalBytes": stats.logical_bytes,
        "blobs": stats.blobs,
        "storedBytes": stats.stored_bytes,
        "diskBytes": stats.disk_bytes,
        "catalogBytes": stats.catalog_bytes,
        "deduplication": round(stats.deduplication, 3),
    }
