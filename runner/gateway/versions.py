"""Version ids in requests and replies.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.gateway.errors import MARKER_HEADER, VERSION_HEADER, S3Error
from runner.store.view import NULL_VERSION, Deletion


def version_of(query: Mapping[str, str]) -> str:
    """Return the version that a request names; empty: none.

    Raises:
        S3Error: InvalidArgument: it names an empty one.
    """
    version = query.get("versionId")
    if version == "":
        raise S3Error("InvalidArgument", "Version id cannot be the empty string")
    return version or ""


def version_header(version: str) -> dict[str, str]:
    """Return the header that shows which version was read."""
    return {VERSION_HEADER: version} if version else {}


def written_header(version: str) -> dict[str, str]:
    """Return the header that shows which version was written: one that has an id of its own."""
    return {} if version == NULL_VERSION else version_header(version)


def deletion_headers(deletion: Deletion) -> dict[str, str]:
    """Return the headers that show what a deletion did."""
    return version_header(deletion.version) | ({MARKER_HEADER: "true"} if deletion.is_marker else {})
