"""What a gateway gets: buckets, and what may be done in them.

A *view* is the narrow side of the store. The job view shows a job's inputs and ``out``; the store view
shows branches and commits. Both speak these two protocols, so the gateway serves either without knowing which.
Every call may raise `runner.model.errors.Unavailable` (store out of reach, disk full) and `Corrupt`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from runner.model.entry import (
    NO_CONDITION,
    Attributes,
    Checksum,
    ChecksumAlgorithm,
    ChecksumType,
    Condition,
    Entry,
    Part,
)

DEFAULT_PAGE = 1000
NULL_VERSION = "null"
"""Id of what was written while versioning was not enabled."""


class Versioning(StrEnum):
    """Whether a bucket keeps versions, in the words of S3; one that was never asked to has no state."""

    ENABLED = "Enabled"
    SUSPENDED = "Suspended"


class Content(Protocol):
    """The bytes of a write. Iterated once; raises at its end when they are not what the client announced."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield pieces of any size."""

    @property
    def checksum(self) -> Checksum | None:
        """The additional checksum of the bytes; valid after the last piece."""


class ObjectReader(Protocol):
    """One object as it was when it was looked up; later writes do not change what is read."""

    @property
    def entry(self) -> Entry:
        """The object."""

    def read(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes ``[first, end)`` in pieces of at most 512 KiB; counted as a read of that range."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        items: Entries, and common prefixes as bytes, together in byte order.
        next_after: What to pass as *after* for the next page; None: this is the last.
    """

    items: Sequence[Entry | bytes]
    next_after: bytes | None


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, as a listing shows it.

    Attributes:
        entry: None: it is a delete marker.
        position: Names its place also when it is gone; what to pass as *after_version*.
    """

    key: bytes
    id: str
    modified: datetime
    is_latest: bool
    entry: Entry | None
    position: str


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of a listing of versions.

    Attributes:
        items: Versions, and common prefixes as bytes, by key, of each key the newest first.
        next_after: Key and version to pass for the next page; None: this is the last.
    """

    items: Sequence[ObjectVersion | bytes]
    next_after: tuple[bytes, str] | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion did.

    Attributes:
        version: Id of the version that it made or removed; empty: the bucket keeps none.
        is_marker: That is a delete marker.
    """

    version: str = ""
    is_marker: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in progress.

    Attributes:
        algorithm: Of the checksum that the client asked for at its start, if any.
        checksum_type: FULL_OBJECT or COMPOSITE; meaningful with *algorithm*.
    """

    id: str
    key: bytes
    initiated: datetime
    attributes: Attributes
    algorithm: ChecksumAlgorithm | None = None
    checksum_type: ChecksumType = ChecksumType.COMPOSITE


@dataclass(frozen=True, slots=True)
class CompletedPart:
    """A part as the client names it when it completes an upload; *checksum* may be absent."""

    number: int
    etag: str
    checksum: str | None = None


class Bucket(Protocol):
    """One bucket of a view. Reads raise `NoSuchKey`; writes raise `AccessDenied` where they are not allowed."""

    @property
    def name(self) -> str:
        """The bucket's name."""

    @property
    def created(self) -> datetime:
        """When it came to be, aware UTC."""

    @property
    def owner(self) -> str:
        """Name of the account that it belongs to; empty: none."""

    @property
    def is_writable(self) -> bool:
        """Whether objects may be changed in it."""

    async def head(self, key: bytes, version: str = "") -> Entry:
        """Look one object up; counted as a read without bytes, or as a miss.

        Args:
            key: Of the object.
            version: Id of a version, or of a commit of the branch; empty: as it is now.

        Raises:
            NoSuchKey, KeyDeleted: It is not there.
            NoSuchVersion, VersionIsMarker: That version of it is not.
        """

    async def get(self, key: bytes, version: str = "") -> ObjectReader:
        """Look one object up to read it, as `head` does; counted as a miss when it is not there."""

    async def list(self, prefix: bytes, delimiter: bytes, after: bytes, limit: int = DEFAULT_PAGE) -> Page:
        """List keys greater than *after* in byte order.

        Args:
            prefix: Only keys that begin so.
            delimiter: Any bytes; keys that hold it after *prefix* are rolled up into one common prefix. Empty: none.
            after: Exclusive. When it is itself a common prefix, that whole prefix is passed over.
            limit: Entries and common prefixes together, at least 0. A page may be shorter and still have a next one.
        """

    async def put(
        self, key: bytes, content: Content, attributes: Attributes, condition: Condition = NO_CONDITION
    ) -> Entry:
        """Write one object; it appears, durable, when this returns.

        Raises:
            PreconditionFailed, NoSuchKey: *condition* does not hold (``If-Match`` without an object: NoSuchKey).
            ViewClosed: The attempt has ended.
            Whatever *content* raises; the previous object then stays.

        Cancellation: leaves the previous object, or the new one whole.
        """

    async def copy(
        self, key: bytes, source: ObjectReader, attributes: Attributes, condition: Condition = NO_CONDITION
    ) -> Entry:
        """Write under *key* the bytes of *source* without moving them; counted as a read of all of it."""

    async def delete(self, key: bytes, condition: Condition = NO_CONDITION, version: str = "") -> Deletion:
        """Remove one object; that it was not there is no error, whatever *condition* says.

        Args:
            key: Of the object.
            condition: Judged by what is removed.
            version: Remove this version for good; empty: a bucket that keeps versions gets a delete marker.

        Raises:
            PreconditionFailed: It is there, and *condition* does not hold for it.
        """

    async def put_tags(self, key: bytes, tags: Mapping[str, str], version: str = "") -> str:
        """Give an object, or a version of it, these tags and no others; all else of it stays as it is.

        Returns:
            Id of the version; empty: the bucket keeps none.

        Raises:
            NoSuchKey, KeyDeleted, NoSuchVersion, VersionIsMarker: As in `head`.
        """

    async def get_document(self, name: str) -> bytes | None:
        """Return what the bucket has beside its objects under that name: tagging, cors, …; None: nothing."""

    async def put_document(self, name: str, body: bytes | None) -> None:
        """Write such a document, or remove it.

        Raises:
            NotOffered: A bucket of this kind has none.
        """

    async def get_versioning(self) -> Versioning | None:
        """Return whether the bucket keeps versions; None: it was never asked to."""

    async def set_versioning(self, state: Versioning) -> None:
        """Keep versions of what is written from now on, or none but ``null``; those that are kept stay.

        Raises:
            NotOffered: A bucket of this kind keeps none.
        """

    async def list_versions(
        self, prefix: bytes, delimiter: bytes, after_key: bytes, after_version: str, limit: int
    ) -> VersionPage:
        """List versions by key, of each key the newest first; without versioning each object is one, ``null``.

        Args:
            prefix: Only keys that begin so.
            delimiter: As in `list`.
            after_key: Exclusive, but for its versions older than *after_version*.
            after_version: Id or position of a version of *after_key*; empty: all of that key are passed over.
            limit: Versions and common prefixes together.

        Raises:
            InvalidPosition: *after_version* names no version.
        """

    async def create_upload(
        self,
        key: bytes,
        attributes: Attributes,
        algorithm: ChecksumAlgorithm | None = None,
        checksum_type: ChecksumType = ChecksumType.COMPOSITE,
    ) -> Upload:
        """Begin a multipart upload."""

    async def get_upload(self, key: bytes, upload_id: str) -> Upload:
        """Look an upload in progress up.

        Raises:
            NoSuchUpload: None such for *key*, whatever the shape of the id.
        """

    async def put_part(self, upload: Upload, number: int, content: Content) -> Part:
        """Store one part, durable when this returns; the same number again replaces it."""

    async def copy_part(self, upload: Upload, number: int, source: ObjectReader, first: int, end: int) -> Part:
        """Store the bytes ``[first, end)`` of *source* as one part; the bytes are read for their MD5 but not copied."""

    async def list_parts(self, upload: Upload, after: int, limit: int) -> tuple[Sequence[Part], bool]:
        """Return parts with numbers above *after*, and whether there are more."""

    async def list_uploads(
        self, prefix: bytes, after_key: bytes, after_id: str, limit: int
    ) -> tuple[Sequence[Upload], bool]:
        """Return uploads in progress by key and then id after that position, and whether there are more."""

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[CompletedPart],
        condition: Condition = NO_CONDITION,
        checksum: Checksum | None = None,
    ) -> Entry:
        """Make the listed parts one object; no bytes move. Again with the same parts: the same answer.

        Raises:
            InvalidPart, PartTooSmall: The list does not fit what was uploaded.
            BadChecksum: *checksum*, the value that the client announced for the whole, does not fit.
            PreconditionFailed, NoSuchKey: As in `put`.
        """

    async def abort_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts."""


class View(Protocol):
    """The buckets that one holder of credentials sees."""

    async def list_buckets(self) -> Sequence[Bucket]:
        """Return all buckets in the order of their names."""

    async def get_bucket(self, name: str) -> Bucket:
        """Look one bucket up.

        Raises:
            NoSuchBucket: The view has none of that name.
        """

    def find_document(self, bucket: str, name: str) -> bytes | None:
        """Return a document of a bucket to whoever asks, as a browser does before it may send credentials."""

    async def create_bucket(self, name: str) -> Bucket:
        """Make a bucket; one that is the caller's own already may stay as it is.

        Raises:
            BucketAlreadyOwned: It is there, and the view makes none.
            BucketTaken: It is somebody else's.
            InvalidBucketName: No bucket can be called so.
            AccessDenied: This view makes none.
        """

    async def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket.

        Raises:
            NoSuchBucket, BucketNotEmpty, AccessDenied.
        """
