"""The object that a copy reads: ``x-amz-copy-source`` and its conditions.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from runner.gateway.conditions import Verdict, judge_read
from runner.gateway.errors import S3Error
from runner.gateway.request import Request
from runner.model.entry import Entry
from runner.store.view import ObjectReader

HEADER = "x-amz-copy-source"
_VERSION = "?versionId="


def parse(header: str) -> tuple[str, bytes, str]:
    """Return bucket, key and version of a copy source; the version is empty where it names none.

    The path is percent-encoded once and decoded once; only a literal ``?versionId=`` at its end is no part
    of the key. Nothing is normalised: ``..`` is a key like any other.

    Args:
        header: ``[/]bucket/key[?versionId=ID]``, bytes as Latin-1.

    Raises:
        S3Error: InvalidArgument: another form.
    """
    path, marker, version = header.rpartition(_VERSION)
    if not marker:
        path, version = header, ""
    try:
        text = unquote_to_bytes(path.encode("latin-1")).decode()
    except UnicodeError as exc:
        raise _invalid("Copy Source must be UTF-8") from exc
    bucket, _, key = text.removeprefix("/").partition("/")
    if not bucket or not key:
        raise _invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    if marker and not version:
        raise _invalid("Version id cannot be the empty string")
    return bucket, key.encode(), version


async def open_source(request: Request) -> ObjectReader:
    """Look up what a copy reads, as it is now.

    Raises:
        S3Error: The header or its version is wrong, or PreconditionFailed: a copy knows no 304.
        NoSuchBucket, NoSuchKey: It is not there.
    """
    bucket_name, key, version = parse(request.headers[HEADER])
    bucket = await request.view.get_bucket(bucket_name)
    reader = await bucket.get(key, version)
    if judge_read(request.headers, reader.entry, f"{HEADER}-") is not Verdict.PASSED:
        raise S3Error("PreconditionFailed")
    return reader


def version_header(entry: Entry) -> dict[str, str]:
    """Return the header that shows which version a copy has read."""
    return {f"{HEADER}-version-id": entry.version} if entry.version else {}


def _invalid(message: str) -> S3Error:
    return S3Error("InvalidArgument", message, details={"ArgumentName": HEADER})
