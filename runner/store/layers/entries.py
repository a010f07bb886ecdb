"""Rows of the table `entry`, and the `Entry` that they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from runner.model.entry import Attributes, Checksum, ChecksumAlgorithm, ChecksumType, Entry, Part
from runner.model.provenance import canonical
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Connection
from runner.store.catalog.sums import RowDamaged, crc_of
from runner.store.contents.content import Content
from runner.store.times import from_us, to_us

MTIME = "mtime"
"""User metadata that holds a file's modification time, as rclone keeps it (`runner.store.files.mtimes`)."""
_MTIME_KEY, _TAGS_KEY = b'"mtime":', b'"tags":'


class Row(NamedTuple):
    """One row of a layer, in the order of `COLUMNS`; a tombstone has only key and kind.

    Attributes:
        origin: The layer that it was written into, as it was read; None of a row that is new where it is written.
    """

    key: bytes
    kind: int
    content: int | None = None
    digest: bytes | None = None
    size: int | None = None
    etag: str | None = None
    modified_us: int | None = None
    meta: bytes | None = None
    checksum: str | None = None
    parts: int | None = None
    origin: int | None = None


COLUMNS = ", ".join(Row._fields)
READ = f"layer, {COLUMNS}, crc"
"""What `checked` takes."""


def tombstone(key: bytes) -> Row:
    """Return the row that says: nothing here, whatever lies below."""
    return Row(key, EntryKind.TOMBSTONE)


def checked(found: Sequence[Any]) -> Row:
    """Return the row of what was read by `READ`; raises `RowDamaged` when that is not what was written."""
    if crc_of(found[:-1]) != found[-1]:
        raise RowDamaged(
            f"the catalog's entry of {bytes(found[1]).decode(errors='replace')} does not match its checksum",
            hint="runner store check tells the damage",
        )
    *values, origin, _ = found
    return Row._make((*values[1:], values[0] if origin is None else origin))


def row_of(entry: Entry, parts: int | None = None) -> Row:
    """Return the row of *entry*, whose `content` is a `Content`; *parts* is the number of its part list."""
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
        parts,
    )


def entry_of(row: Row, parts: tuple[Part, ...] = ()) -> Entry:
    """Return the entry of a row that is no tombstone."""
    key, kind, content, digest, size, etag, modified_us, meta, checksum, *_ = row
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
        parts,
        content=Content(_KINDS[kind], content),
    )


def whole_entry_of(db: Connection, row: Row) -> Entry:
    """Return the entry of a row that is no tombstone, with its parts."""
    if row.parts is None:
        return entry_of(row)
    (parts,) = db.execute("SELECT parts FROM part_list WHERE id = ?", (row.parts,)).fetchone()
    return entry_of(row, tuple(Part(*part) for part in json.loads(parts)))


def encode_parts(parts: Sequence[Part]) -> bytes:
    """Return what a part list holds."""
    return json.dumps([(part.number, part.size, part.etag, part.checksum) for part in parts]).encode()


def encode_attributes(attributes: Attributes) -> bytes | None:
    """Return the canonical form, which is part of a commit's digest; None when there are none."""
    if not attributes.headers and not attributes.metadata and not attributes.tags:
        return None
    document = {"headers": dict(attributes.headers), "metadata": dict(attributes.metadata)}
    if attributes.tags:
        document["tags"] = dict(attributes.tags)
    return canonical(document)


def decode_attributes(meta: bytes | None) -> Attributes:
    """Read what `encode_attributes` wrote."""
    return _NO_ATTRIBUTES if meta is None else Attributes(**json.loads(meta))


def tagged(row: Row, tags: Mapping[str, str]) -> Row:
    """Return *row*, written anew, with these tags instead of its own."""
    return row._replace(meta=encode_attributes(replace(decode_attributes(row.meta), tags=tags)), origin=None)


def content_attributes(meta: bytes | None) -> bytes | None:
    """Return what `encode_attributes` would have written without tags and the file's time; of damaged bytes all."""
    if meta is None or (_MTIME_KEY not in meta and _TAGS_KEY not in meta):
        return meta
    try:
        attributes = decode_attributes(meta)
        metadata = {name: text for name, text in attributes.metadata.items() if name != MTIME}
        return encode_attributes(Attributes(attributes.headers, metadata))
    except (ValueError, TypeError, AttributeError):
        return meta


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
_KINDS = tuple(EntryKind)
