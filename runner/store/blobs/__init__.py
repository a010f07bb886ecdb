"""Immutable bytes, somewhere: packs of small blobs, files of their own for large ones.

Knows bytes, places and their digests as names; refuses to know keys, rows and commits. Which blobs exist is
the catalog's business: bytes without a row are garbage, a row without bytes is corruption.

A backend is synchronous and is called from worker threads, except for `Blobs.open` and `Opened.read_nowait`, which
never wait for a network.
Order of a small write: `Blobs.append`, then the row. Of a large one: `Draft.write`, `Draft.publish`, then the row.
Each is durable before the next begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from runner.model.errors import Corrupt, Unavailable

DIGEST_BYTES = 32
PACK_BLOB_MAX_BYTES = 128 * 1024
"""Blobs up to this size go into packs: there one fsync serves a whole group of writes."""


NAMED_WITHIN_SECONDS = 300
"""So soon after bytes were stored a row has to name them: a collection takes them for garbage after twice the time."""


class BlobMissing(Corrupt):
    """The catalog knows a blob whose bytes are gone."""


class BlobDamaged(Corrupt):
    """The bytes of a blob are not those that were stored."""


class StoreFull(Unavailable):
    """No room for more bytes; nothing was stored."""


class StorageFailed(Unavailable):
    """The operating system refused to read or write; nothing was stored."""


class Payload(NamedTuple):
    """A small blob on its way into a pack, with its BLAKE3."""

    digest: bytes
    data: bytes


class Place(NamedTuple):
    """Where the bytes of a blob lie; exactly one of *pack* and *name* is set.

    Attributes:
        pack: Id of the pack; drawn by whoever opens it, 63 bits, never used again.
        offset: Of the first byte of the blob in that pack, after its frame header; 0 in a file of its own.
        name: Of a file of its own, ``<digest>-<nonce>``: a digest stored anew never meets an older file. In an object
            store it is a nonce alone, for nothing can be renamed there when the digest is known.
    """

    pack: int | None = None
    offset: int = 0
    name: str | None = None

    def __str__(self) -> str:
        return f"file {self.name}" if self.pack is None else f"pack {self.pack:016x} at {self.offset}"


class Frame(NamedTuple):
    """One blob of a pack, as the pack itself tells it.

    Attributes:
        offset: Of its first byte in the pack, as in `Place`.
    """

    offset: int
    size: int
    digest: bytes


def see_in_time(stored_us: int, now_us: int) -> None:
    """Refuse to name bytes that a collection may have removed by now: the machine was asleep, or the catalog away.

    Args:
        stored_us: When storing them began, microseconds since 1970 UTC.
        now_us: Of the transaction that is to name them.

    Raises:
        StorageFailed.
    """
    if now_us - stored_us > NAMED_WITHIN_SECONDS * 1_000_000:
        raise StorageFailed("it took too long to make stored bytes known", hint="try again")


class Draft(Protocol):
    """A large blob that is being written; invisible until it is published."""

    def write(self, data: bytes) -> None:
        """Append *data*.

        Raises:
            StoreFull, StorageFailed: The draft can only be discarded then.
        """

    def publish(self, digest: bytes) -> Place:
        """Make the bytes durable under a name of their own and end the draft.

        Raises:
            StoreFull, StorageFailed: Nothing was published.
        """

    def discard(self) -> None:
        """Remove what was written; nothing to do once published or discarded."""


class Opened(Protocol):
    """A blob's container. Offsets count in the blob.

    On a disk it is held open, and its removal meanwhile does not disturb a reader. Nothing can be held in an object
    store: there the time for which a collection spares what it found is what protects a reader.
    """

    def read_nowait(self, first: int, size: int) -> bytes | None:
        """Return exactly *size* bytes from *first* on if that takes no waiting, else None."""

    def read(self, first: int, size: int) -> bytes:
        """Return exactly *size* bytes from *first* on; may wait for the disk or the network.

        Raises:
            BlobMissing: There is no such container, where `Blobs.open` could not tell.
            BlobDamaged: There are fewer.
            StorageFailed: They cannot be read.
        """

    def close(self) -> None:
        """Let go of it; safe to call twice."""


class Blobs(Protocol):
    """Where bytes are kept. Every call may raise `StorageFailed`.

    Attributes:
        is_remote: They lie in an object store: each write makes an object of its own, several may be under way at
            once, and what is read is not held open.
    """

    is_remote: bool

    def append(self, payloads: Sequence[Payload]) -> Sequence[Place]:
        """Put a group of small blobs into the open pack and sync once; durable when this returns.

        One call at a time, unless `is_remote`. A failure is final for the pack, since what a second fsync says about
        the first one's pages means nothing (https://wiki.postgresql.org/wiki/Fsync_Errors): the next call begins a
        new pack.

        Raises:
            StoreFull, StorageFailed: Nothing of the group may be referred to.
        """

    def create(self) -> Draft:
        """Begin a large blob; several drafts may be under way in several threads."""

    def open(self, place: Place) -> Opened:
        """Open a blob to read it; quick enough for the event loop on a local disk.

        Raises:
            BlobMissing: There is no such pack or file; where only the network knows, the first read raises it.
        """

    def clone(self, place: Place, fd: int) -> bool:
        """Let an empty file of this machine share the bytes of a file of its own until somebody writes to it.

        Returns:
            False: They cannot share; nothing was written.

        Raises:
            BlobMissing: There is no such file.
        """

    def packs(self) -> Iterator[tuple[int, int]]:
        """Yield id and size in bytes of every pack, as it lies there."""

    def is_written(self, pack: int) -> bool:
        """Tell whether a live process may still append to *pack*; of one that is gone: no."""

    def frames(self, pack: int) -> Iterator[Frame]:
        """Yield what *pack* says it holds, in order, up to its end or to the first thing that is no frame.

        Raises:
            BlobMissing: There is no such pack.
        """

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every blob that has a file of its own."""

    def delete(self, *places: Place) -> None:
        """Remove files of their own, or whole packs whatever the offset; that one is gone already is no error."""

    def close(self) -> None:
        """End the open pack; nothing can be appended afterwards."""
