"""Rows of the table `entry`, and the `Entry` that they stand for."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

from runner.model.entry import Attributes, Checksum, ChecksumAlgorithm, ChecksumType, Entry, Part
from runner.model.provenance import canonical
from runner.store.catalog.codes import EntryKind
from runner.store.content import Content
from runner.store.times import from_us, to_us


class Row(NamedTuple):
    """One row of a layer, in the order of `COLUMNS`; a tombstone has only key and kind."""

    key: bytes
    kind: int
    content: int | None = None
    digest: bytes | None = None
    size: int | None = None
    etag: str | None = None
    modified_us: int | None = None
    meta: bytes | None = None
    checksum: str | None = None


COLUMNS = ", ".join(Row._fields)


def tombstone(key: bytes) -> Row:
    """Return the row that says: nothing here, whatever lies below."""
    return Row(key, EntryKind.TOMBSTONE)


def row_of(entry: Entry) -> Row:
    """Return the row of *entry*, whose `content` is a `Content`."""
    content = entry.content
    if not isinstance(content, Content):
        raise TypeError("an entry that is stored has content")
    return Row(
        entry.key,
        content.kind,
        content.id,
        entry.digest,
        entry.size,
        entry.etag,
        to_us(entry.modified),
        encode_attributes(entry.attributes),
        encode_checksum(entry.checksum),
    )


def entry_of(row: Row) -> Entry:
    """Return the entry of a row that is no tombstone; its parts are not loaded."""
    key, kind, content, digest, size, etag, modified_us, meta, checksum = row
    if content is None or digest is None or size is None or etag is None or modified_us is None:
        raise TypeError("a tombstone is no entry")
    return Entry(
        key,
        size,
        etag,
        digest,
        from_us(modified_us),
        decode_attributes(meta),
        decode_checksum(checksum),
        content=Content(EntryKind(kind), content),
    )


def parts_of(db: sqlite3.Connection, content: Content) -> tuple[Part, ...]:
    """Return what is told of the parts of a multipart object; else nothing."""
    if content.kind != EntryKind.MANIFEST:
        return ()
    rows = db.execute(
        "SELECT n, size, etag, checksum FROM manifest_part WHERE manifest = ? ORDER BY n", (content.id,)
    ).fetchall()
    return tuple(Part(*row) for row in rows)


def encode_attributes(attributes: Attributes) -> bytes | None:
    """Return the canonical form, which is part of a commit's digest; None when there are none."""
    if not attributes.headers and not attributes.metadata:
        return None
    return canonical({"headers": dict(attributes.headers), "metadata": dict(attributes.metadata)})


def decode_attributes(meta: bytes | None) -> Attributes:
    """Read what `encode_attributes` wrote."""
    return _NO_ATTRIBUTES if meta is None else Attributes(**json.loads(meta))


def encode_checksum(checksum: Checksum | None) -> str | None:
    """Return ``algorithm type value``."""
    return None if checksum is None else f"{checksum.algorithm} {checksum.type} {checksum.value}"


def decode_checksum(text: str | None) -> Checksum | None:
    """Read what `encode_checksum` wrote."""
    if text is None:
        return None
    algorithm, kind, value = text.split(" ")
    return Checksum(ChecksumAlgorithm(algorithm), value, ChecksumType(kind))


_NO_ATTRIBUTES = Attributes()
