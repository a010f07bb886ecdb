"""Names of buckets: ``[commit.]branch.repo[.project]``, or ``repo`` for its branch ``master``. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from runner.model.address import DEFAULT_BRANCH
from runner.store.refusals import InvalidBucketName

COMMIT_DIGITS_MIN = 12
_COMMIT = re.compile(r"[0-9a-f]{12,32}")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BRANCH_PARTS, _PARTS_MAX = 2, 4

# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_S3_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_S3_WRONG = re.compile(r"\.\.|\.-|-\.|\A\d+\.\d+\.\d+\.\d+\Z")


class BucketName(NamedTuple):
    """What a bucket's name means; *commit* is an id or its first digits, empty for a branch."""

    project: str
    repo: str
    branch: str
    commit: str = ""


def parse(name: str, project: str) -> BucketName | None:
    """Return what *name* means; None: it has no such form.

    Args:
        name: Of a bucket.
        project: Of names that say none.
    """
    parts = name.split(".")
    if not all(_NAME.fullmatch(part) for part in parts) or len(parts) > _PARTS_MAX:
        return None
    if len(parts) == 1:
        return BucketName(project, name, DEFAULT_BRANCH)
    commit = parts.pop(0) if len(parts) > _BRANCH_PARTS and _COMMIT.fullmatch(parts[0]) else ""
    if len(parts) > _BRANCH_PARTS + 1:
        return None
    branch, repo, *rest = parts
    return BucketName(rest[0] if rest else project, repo, branch, commit)


def name_of(bucket: BucketName, project: str) -> str:
    """Return the shortest name of a branch; *project* is that of names that say none."""
    if bucket.project != project:
        return f"{bucket.branch}.{bucket.repo}.{bucket.project}"
    return bucket.repo if bucket.branch == DEFAULT_BRANCH else f"{bucket.branch}.{bucket.repo}"


def parse_new(name: str, project: str) -> BucketName:
    """Return what *name* means, if a new bucket may have it; raises `InvalidBucketName`."""
    if _S3_NAME.fullmatch(name) is None or _S3_WRONG.search(name):
        raise InvalidBucketName("The specified bucket is not valid.")
    parsed = parse(name, project)
    if parsed is None:
        raise InvalidBucketName("A bucket is named repo, branch.repo or branch.repo.project.")
    return parsed
