"""Layers: every entry refers to content that is there and is what the entry says."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from runner.model.entry import KEY_MAX_BYTES
from runner.store.blobs import Place
from runner.store.catalog.codes import EntryKind, LayerState
from runner.store.catalog.query import Snapshot
from runner.store.check.places import Places
from runner.store.check.report import Report
from runner.store.contents.content import Extent, manifest_digest
from runner.store.files.names import shown
from runner.store.layers.entries import decode_attributes, decode_checksum, encode_attributes

_EXTENTS = """
    SELECT e.start, e.off, e.len, b.id, b.digest, b.size FROM extent e LEFT JOIN blob b ON b.id = e.blob
    WHERE e.manifest = ? ORDER BY e.start
"""
_COLUMNS = """
    e.key, e.kind, e.digest, e.size, e.meta, e.checksum, e.parts,
    coalesce(b.digest, m.digest), coalesce(b.size, m.size), p.id
"""
_CONTENT = """
    LEFT JOIN blob b ON e.kind = 1 AND b.id = e.content
    LEFT JOIN manifest m ON e.kind = 2 AND m.id = e.content
    LEFT JOIN part_list p ON p.id = e.parts
"""
_ENTRIES = f"""
    SELECT e.layer, {_COLUMNS} FROM entry e {_CONTENT}
    WHERE e.layer NOT IN (SELECT id FROM layer WHERE state = ?) ORDER BY e.layer, e.key
"""  # noqa: S608  # constants
_VERSIONS = f"""
    SELECT r.name || '@' || h.name, e.id, {_COLUMNS} FROM version e
    LEFT JOIN repo r ON r.id = e.repo LEFT JOIN branch h ON h.repo = e.repo AND h.name = e.branch {_CONTENT}
    ORDER BY e.repo, e.branch, e.key, e.seq
"""  # noqa: S608  # constants
_PARTS = """
    SELECT p.upload, p.n FROM part p
    LEFT JOIN blob b ON p.kind = 1 AND b.id = p.content
    LEFT JOIN manifest m ON p.kind = 2 AND m.id = p.content
    WHERE coalesce(b.digest, m.digest) IS NOT p.digest OR coalesce(b.size, m.size) IS NOT p.size
"""
_MEASURED = """
    SELECT l.id, l.rows, l.tombstones, l.bytes, l.min_key, l.max_key,
           count(e.key), count(e.key) FILTER (WHERE e.kind = 0), coalesce(sum(e.size), 0),
           (SELECT key FROM entry WHERE layer = l.id ORDER BY key LIMIT 1),
           (SELECT key FROM entry WHERE layer = l.id ORDER BY key DESC LIMIT 1)
    FROM layer l LEFT JOIN entry e ON e.layer = l.id
    WHERE l.state = ? AND l.rows IS NOT NULL GROUP BY l.id
"""


class _Entry(NamedTuple):
    """An entry or a version, and what is found where it refers to."""

    key: bytes
    kind: int
    digest: bytes
    size: int
    meta: bytes | None
    checksum: str | None
    parts: int | None
    found_digest: bytes | None
    found_size: int | None
    found_parts: int | None


def check_manifests(db: Snapshot, report: Report) -> None:
    """Every manifest is a gapless list of ranges that lie in their blobs, and is named rightly."""
    for manifest, digest, size in db.scan("SELECT id, digest, size FROM manifest"):
        why = _wrong_manifest(db, manifest, digest, size)
        if why:
            report.tell(f"manifest {manifest}: {why}", Places(db).using_manifest(manifest))


def check_entries(db: Snapshot, report: Report, *, breathe: Callable[[], None]) -> None:
    """Every entry of a layer that is not being dropped has a key, and content that is what it says."""
    places = Places(db)
    for layer, *row in db.scan(_ENTRIES, (LayerState.DROPPING,)):
        breathe()
        report.entries += 1
        entry = _Entry._make(row)
        why = _wrong_key(entry.key) or _wrong_entry(entry)
        if why:
            report.tell(f"an entry of layer {layer} {why}", places.of_entry(layer, entry.key))
    for upload, number in db.scan(_PARTS):
        report.tell(f"part {number} of the upload {upload} has other content than it says", [f"upload {upload}"])


def check_versions(db: Snapshot, report: Report, *, breathe: Callable[[], None]) -> None:
    """Every version of a key has content that is what it says, and belongs to a branch that is there."""
    for branch, version, *row in db.scan(_VERSIONS):
        breathe()
        entry = _Entry._make(row)
        why = "is of no branch" if branch is None else _wrong_key(entry.key) or _wrong_entry(entry)
        if why:
            report.tell(f"the version {version} {why}", [f"{branch}:/{shown(bytes(entry.key))}"])


def check_layers(db: Snapshot, report: Report) -> None:
    """Every sealed layer holds what was measured when it was sealed."""
    places = Places(db)
    for layer, *numbers in db.scan(_MEASURED, (LayerState.SEALED,)):
        if numbers[:5] != numbers[5:]:
            report.tell(f"layer {layer} does not hold what it held when it was sealed", places.of_layer(layer))


def _wrong_manifest(db: Snapshot, manifest: int, digest: bytes, size: int) -> str:
    extents: list[Extent] = []
    end = 0
    for start, offset, length, blob, blob_digest, blob_size in db.execute(_EXTENTS, (manifest,)):
        if blob is None:
            return "an extent lies in a blob that the catalog does not have"
        if start != end or length < 1 or offset < 0 or offset + length > blob_size:
            return "its extents do not fit together"
        extents.append(Extent(blob, blob_digest, offset, length, Place(), blob_size))
        end += length
    if end != size:
        return f"its extents are {end:,} bytes instead of {size:,}"
    return "" if manifest_digest(extents) == digest else "it does not match its digest"


def _wrong_key(key: object) -> str:
    if not isinstance(key, bytes) or not 0 < len(key) <= KEY_MAX_BYTES:
        return "has no right key"
    try:
        key.decode()
    except UnicodeDecodeError:
        return "has a key that is not UTF-8"
    return ""


def _wrong_entry(entry: _Entry) -> str:
    if entry.kind == EntryKind.TOMBSTONE:
        return ""
    if entry.kind not in set(EntryKind):
        return "is of no known kind"
    if entry.found_digest is None:
        return "refers to content that the catalog does not have"
    if entry.found_digest != entry.digest or entry.found_size != entry.size:
        return "refers to other content than it says"
    if entry.parts != entry.found_parts:
        return "refers to parts that the catalog does not have"
    try:
        is_canonical = encode_attributes(decode_attributes(entry.meta)) == entry.meta
        decode_checksum(entry.checksum)
    except (ValueError, TypeError):
        is_canonical = False
    return "" if is_canonical else "has attributes that cannot be read"
