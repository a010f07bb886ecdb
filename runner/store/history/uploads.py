"""Multipart uploads in progress. All here runs inside a write transaction, or only reads.

An upload belongs to the *place* where its object will appear: an attempt's layer, with which it goes, or a branch,
where it stays until it is completed or aborted. Whoever calls knows that the place still takes writes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from runner.host import digests
from runner.model.entry import (
    PART_NUMBER_MAX,
    Attributes,
    Checksum,
    ChecksumAlgorithm,
    ChecksumType,
    Condition,
    Entry,
    Part,
)
from runner.store.catalog import query
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.contents import content
from runner.store.contents.content import Slice, Stored
from runner.store.layers import staging, tree
from runner.store.layers.entries import Row, decode_attributes, encode_attributes, row_of, whole_entry_of
from runner.store.layers.staging import Stack
from runner.store.refusals import BadChecksum, InvalidPart, NoSuchUpload, PartTooSmall
from runner.store.times import from_us
from runner.store.view import CompletedPart, Upload

Keep = Callable[[Transaction, Stack, Entry, int | None], Entry]
"""Writes an entry, with the number of its part list; returns it as its bucket shows it."""

PART_MIN_BYTES = 5 * 1024 * 1024
"""Of every part but the last (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)."""
COMPLETED_KEPT_US = 24 * 3600 * 1_000_000
_SELECT = "SELECT id, place, key, meta, algorithm, checksum_type, created_us, completed FROM upload"


def place_of_layer(layer: int) -> str:
    """Return the place of the uploads of an attempt, by its layer."""
    return f"layer-{layer}"


def place_of_branch(repo: int, branch: str) -> str:
    """Return the place of the uploads of a branch."""
    return f"branch-{repo}-{branch}"


def create(
    tx: Transaction,
    place: str,
    key: bytes,
    attributes: Attributes,
    *,
    algorithm: ChecksumAlgorithm | None,
    checksum_type: ChecksumType,
) -> Upload:
    """Begin an upload at *place*."""
    upload = Upload(uuid.uuid4().hex, key, from_us(tx.now_us), attributes, algorithm, checksum_type)
    values = {
        "id": upload.id,
        "place": place,
        "key": key,
        "meta": encode_attributes(attributes),
        "algorithm": algorithm,
        "checksum_type": checksum_type,
        "created_us": tx.now_us,
    }
    query.insert(tx.db, "upload", values)
    return upload


def find(db: Connection, place: str, key: bytes, upload_id: str) -> Upload:
    """Return an upload, also a completed one, so that completing it again has its answer; raises `NoSuchUpload`."""
    return _upload(_row(db, place, upload_id, key))


def put_part(tx: Transaction, place: str, upload: Upload, part: Part, stored: Stored) -> Part:
    """Store a part over the one of the same number; raises `NoSuchUpload`."""
    require_open(tx, place, upload)
    tx.db.execute("DELETE FROM part WHERE upload = ? AND n = ?", (upload.id, part.number))
    values = {
        "upload": upload.id,
        "n": part.number,
        "kind": stored.content.kind,
        "content": stored.content.id,
        "digest": stored.digest,
        "size": stored.size,
        "etag": part.etag,
        "checksum": part.checksum,
        "modified_us": tx.now_us,
    }
    query.insert(tx.db, "part", values)
    return Part(part.number, stored.size, part.etag, part.checksum, from_us(tx.now_us))


def require_open(tx: Transaction, place: str, upload: Upload) -> None:
    """Raise `NoSuchUpload` unless *upload* still takes parts."""
    if _row(tx.db, place, upload.id, upload.key).completed is not None:
        raise NoSuchUpload("the upload is complete")


def list_parts(db: Connection, place: str, upload: Upload, after: int, limit: int) -> tuple[Sequence[Part], bool]:
    """Return parts with numbers above *after*, and whether there are more; raises `NoSuchUpload`."""
    if _row(db, place, upload.id, upload.key).completed is not None:
        raise NoSuchUpload("the upload is complete")
    statement = "SELECT n, size, etag, checksum, modified_us FROM part WHERE upload = ? AND n > ? ORDER BY n LIMIT ?"
    rows = query.rows(db, statement, (upload.id, after, limit + 1))
    parts = [Part(row.n, row.size, row.etag, row.checksum, from_us(row.modified_us)) for row in rows[:limit]]
    return parts, len(rows) > limit


def list_uploads(
    db: Connection, place: str, prefix: bytes, after: tuple[bytes, str], limit: int
) -> tuple[Sequence[Upload], bool]:
    """Return uploads in progress by key and id after a position; without an id: after all uploads of that key."""
    conditions = ["place = ?", "completed IS NULL", "key >= ?"]
    parameters: list[Any] = [place, prefix]
    end = tree.prefix_end(prefix)
    if end is not None:
        conditions.append("key < ?")
        parameters.append(end)
    key, upload_id = after
    conditions.append("(key, id) > (?, ?)" if upload_id else "key > ?")
    parameters += after if upload_id else (key,)
    statement = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY key, id LIMIT ?"  # constants
    rows = query.rows(db, statement, (*parameters, limit + 1))
    return [_upload(row) for row in rows[:limit]], len(rows) > limit


def completed(tx: Transaction, place: str, upload: Upload, listed: Sequence[CompletedPart]) -> Entry | None:
    """Return what an upload became by the same list; None: it is not complete. Raises `NoSuchUpload`."""
    row = _row(tx.db, place, upload.id, upload.key)
    if row.completed is None:
        return None
    answer = json.loads(row.completed)
    if answer["parts"] != _wanted(listed):
        raise NoSuchUpload("the upload was completed with other parts")
    key, kind, number, digest, *middle = answer["row"]
    size, etag, modified_us, _meta, checksum, parts, *_ = middle
    made = Row(
        bytes.fromhex(key), kind, number, bytes.fromhex(digest), size, etag, modified_us, row.meta, checksum, parts
    )
    return replace(whole_entry_of(tx.db, made), version=answer.get("version", ""))


def complete(
    tx: Transaction,
    stack: Stack,
    upload: Upload,
    listed: Sequence[CompletedPart],
    *,
    condition: Condition,
    announced: Checksum | None,
    keep: Keep,
) -> Entry:
    """Make the listed parts one object; raises as `runner.store.view.Bucket.complete_upload`.

    What it becomes is kept with the upload: the same list again gets the same answer, by `completed`.

    Args:
        tx: The transaction in which the object appears.
        stack: Where.
        upload: Which.
        listed: Its parts, as the client names them.
        condition: Of the object that is there.
        announced: Checksum of the whole.
        keep: Writes the entry.
    """
    parts, slices = _listed(tx, upload, listed)
    checksum = _checksum_of(upload, parts, announced)
    staging.judge(tx.db, stack.read_set, upload.key, condition)
    stored = content.concatenate(tx, [part for part in slices if part.end] or slices[:1])
    part_list = staging.keep_parts(tx, parts)
    entry = Entry(
        upload.key,
        stored.size,
        _etag_of(parts),
        stored.digest,
        from_us(tx.now_us),
        upload.attributes,
        checksum,
        tuple(parts),
        stored.content,
    )
    entry = keep(tx, stack, entry, part_list)
    row = [_text(value) for value in row_of(entry, part_list)]
    answer = json.dumps({"parts": _wanted(listed), "row": row, "version": entry.version}).encode()
    query.update(tx.db, "upload", {"completed": answer}, "id = ?", (upload.id,))
    tx.db.execute("DELETE FROM part WHERE upload = ?", (upload.id,))
    return entry


def abort(tx: Transaction, place: str, upload: Upload) -> None:
    """Forget an upload and its parts; raises `NoSuchUpload`."""
    require_open(tx, place, upload)
    tx.db.execute("DELETE FROM part WHERE upload = ?", (upload.id,))
    tx.db.execute("DELETE FROM upload WHERE id = ?", (upload.id,))


def drop_all(tx: Transaction, place: str) -> int:
    """Forget all uploads at *place*; return how many were never completed."""
    open_ones: int = query.value(tx.db, "SELECT count(*) FROM upload WHERE place = ? AND completed IS NULL", (place,))
    tx.db.execute("DELETE FROM part WHERE upload IN (SELECT id FROM upload WHERE place = ?)", (place,))
    tx.db.execute("DELETE FROM upload WHERE place = ?", (place,))
    return open_ones


def forget_completed(tx: Transaction, place: str) -> None:
    """Forget what old uploads at *place* became: nobody asks again after a day."""
    statement = "DELETE FROM upload WHERE place = ? AND completed IS NOT NULL AND created_us < ?"
    tx.db.execute(statement, (place, tx.now_us - COMPLETED_KEPT_US))


def _row(db: Connection, place: str, upload_id: str, key: bytes) -> query.Row:
    row = query.row(db, f"{_SELECT} WHERE id = ?", (upload_id,))
    if row is None or row.place != place or row.key != key:
        raise NoSuchUpload("there is no such upload")
    return row


def _upload(row: query.Row) -> Upload:
    return Upload(
        row.id,
        row.key,
        from_us(row.created_us),
        decode_attributes(row.meta),
        None if row.algorithm is None else ChecksumAlgorithm(row.algorithm),
        ChecksumType(row.checksum_type),
    )


def _listed(tx: Transaction, upload: Upload, listed: Sequence[CompletedPart]) -> tuple[list[Part], list[Slice]]:
    """Return the parts that the client names, and their bytes; raises `InvalidPart`, `PartTooSmall`."""
    found = query.rows(tx.db, "SELECT n, kind, content, size, etag, checksum FROM part WHERE upload = ?", (upload.id,))
    rows = {row.n: row for row in found}
    parts, slices = [], []
    for wanted in listed:
        row = rows.get(wanted.number)
        if row is None or row.etag != wanted.etag or wanted.checksum not in (None, row.checksum):
            raise InvalidPart(f"part {wanted.number} was not uploaded, or has another ETag or checksum")
        parts.append(Part(row.n, row.size, row.etag, row.checksum))
        slices.append(Slice(content.Content(EntryKind(row.kind), row.content), 0, row.size))
    if not 1 <= len(parts) <= PART_NUMBER_MAX:
        raise InvalidPart("an upload is completed with 1 to 10,000 parts")
    for part in parts[:-1]:  # only now: that a part is missing says more than that another is small
        if part.size < PART_MIN_BYTES:
            raise PartTooSmall(f"part {part.number} is below 5 MiB")
    return parts, slices


def _etag_of(parts: Sequence[Part]) -> str:
    md5 = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
    return f"{md5.hexdigest()}-{len(parts)}"


def _checksum_of(upload: Upload, parts: Sequence[Part], announced: Checksum | None) -> Checksum | None:
    """Return the checksum of the whole from those of its parts; raises `BadChecksum`."""
    checksum = None
    values = [base64.b64decode(part.checksum) for part in parts if part.checksum is not None]
    if upload.algorithm is not None and len(values) == len(parts):
        if upload.checksum_type == ChecksumType.COMPOSITE:
            digest = digests.new(upload.algorithm)
            digest.update(b"".join(values))
            value = f"{base64.b64encode(digest.digest()).decode()}-{len(parts)}"
        else:
            sized = [(value, part.size) for value, part in zip(values, parts, strict=True)]
            value = base64.b64encode(digests.combine_crcs(upload.algorithm, sized)).decode()
        checksum = Checksum(upload.algorithm, value, upload.checksum_type)
    if announced is not None and announced != checksum:
        raise BadChecksum("the checksum of the whole is not that of its parts")
    return checksum


def _wanted(listed: Sequence[CompletedPart]) -> list[list[Any]]:
    return [[part.number, part.etag, part.checksum] for part in listed]


def _text(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
