"""Version ids of buckets that keep no versions: the only one is ``null``."""

from __future__ import annotations

from runner.gateway.errors import S3Error

NULL = "null"


def check_version(version: str | None) -> None:
    """Let a request through that names no version, or the only one there is.

    Raises:
        S3Error: InvalidArgument: the id is empty; NoSuchVersion: it is any other.
    """
    if version == "":
        raise S3Error("InvalidArgument", "Version id cannot be the empty string")
    if version not in (None, NULL):
        raise S3Error("NoSuchVersion")
