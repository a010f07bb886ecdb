"""What a view refuses, one class for each reason. The gateway knows S3's word for every one of them."""

from __future__ import annotations

from datetime import datetime

from runner.model.errors import Conflict, Invalid, NotFound


class NoSuchBucket(NotFound):
    """The view has no bucket of that name."""


class NoSuchKey(NotFound):
    """The bucket has no object under that key."""


class NoSuchVersion(NotFound):
    """The object has no version of that id."""


class KeyDeleted(NoSuchKey):
    """The newest version of the object is a delete marker, whose id is *version*."""

    def __init__(self, version: str) -> None:
        super().__init__("the object was deleted")
        self.version = version


class VersionIsMarker(Invalid):
    """The version that is asked for is a delete marker: it holds nothing."""

    def __init__(self, version: str, modified: datetime) -> None:
        super().__init__("this version is a delete marker")
        self.version = version
        self.modified = modified


class InvalidPosition(Invalid):
    """A listing is to go on after what names no place."""


class NotOffered(Invalid):
    """The bucket has no such thing."""


class NoSuchUpload(NotFound):
    """No upload in progress has that id for that key."""


class AccessDenied(Invalid):
    """The view shows the thing but does not let it be changed."""


class BucketAlreadyOwned(Conflict):
    """The bucket is already there."""


class BucketTaken(Conflict):
    """The bucket is there, and somebody else's."""


class BucketNotEmpty(Conflict):
    """The bucket that is to be removed still holds objects."""


class InvalidBucketName(Invalid):
    """No new bucket can have that name."""


class PreconditionFailed(Conflict):
    """A condition of the request does not hold at the moment of the write."""


class ViewClosed(Conflict):
    """The attempt ended or its output is sealed; nothing can be written or read through it any more."""


class InvalidPart(Invalid):
    """A part that completes an upload is missing or has another ETag or checksum."""


class PartTooSmall(Invalid):
    """A part other than the last is below 5 MiB."""


class BadChecksum(Invalid):
    """The checksum announced for the whole object is not that of its parts."""
