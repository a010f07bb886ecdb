"""Multipart uploads in progress above an open layer. All here runs inside a write transaction, or only reads."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

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
from runner.store import content, staging, tree
from runner.store.catalog import tables as t
from runner.store.catalog.codes import EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.content import Slice, Stored
from runner.store.entries import Row, decode_attributes, encode_attributes, row_of, whole_entry_of
from runner.store.staging import Stack
from runner.store.times import from_us
from runner.store.view import BadChecksum, CompletedPart, InvalidPart, NoSuchUpload, PartTooSmall, Upload

PART_MIN_BYTES = 5 * 1024 * 1024
"""Of every part but the last (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)."""


def create(
    tx: Transaction,
    layer: int,
    key: bytes,
    attributes: Attributes,
    *,
    algorithm: ChecksumAlgorithm | None,
    checksum_type: ChecksumType,
) -> Upload:
    """Begin an upload above *layer*; raises `ViewClosed`."""
    staging.require_open(tx, layer)
    upload = Upload(uuid.uuid4().hex, key, from_us(tx.now_us), attributes, algorithm, checksum_type)
    values = {
        "id": upload.id,
        "layer": layer,
        "key": key,
        "meta": encode_attributes(attributes),
        "algorithm": algorithm,
        "checksum_type": checksum_type,
        "created_us": tx.now_us,
    }
    tx.sql.execute(sa.insert(t.upload).values(values))
    return upload


def find(sql: sa.Connection, layer: int, key: bytes, upload_id: str) -> Upload:
    """Return an upload, also a completed one, so that completing it again has its answer; raises `NoSuchUpload`."""
    return _upload(_row(sql, layer, upload_id, key))


def put_part(tx: Transaction, layer: int, upload: Upload, part: Part, stored: Stored) -> Part:
    """Store a part over the one of the same number; raises `ViewClosed`, `NoSuchUpload`."""
    require_open(tx, layer, upload)
    tx.db.execute("DELETE FROM part WHERE upload = ? AND n = ?", (upload.id, part.number))
    tx.db.execute(
        "INSERT INTO part (upload, n, kind, content, digest, size, etag, checksum, modified_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (upload.id, part.number, *stored.content, stored.digest, stored.size, part.etag, part.checksum, tx.now_us),
    )
    return Part(part.number, stored.size, part.etag, part.checksum, from_us(tx.now_us))


def require_open(tx: Transaction, layer: int, upload: Upload) -> None:
    """Raise `ViewClosed` or `NoSuchUpload` unless *upload* still takes parts."""
    staging.require_open(tx, layer)
    if _row(tx.sql, layer, upload.id, upload.key).completed is not None:
        raise NoSuchUpload("the upload is complete")


def list_parts(sql: sa.Connection, layer: int, upload: Upload, after: int, limit: int) -> tuple[Sequence[Part], bool]:
    """Return parts with numbers above *after*, and whether there are more; raises `NoSuchUpload`."""
    if _row(sql, layer, upload.id, upload.key).completed is not None:
        raise NoSuchUpload("the upload is complete")
    columns = t.part.c
    rows = sql.execute(
        sa.select(t.part).where(columns.upload == upload.id, columns.n > after).order_by(columns.n).limit(limit + 1)
    ).fetchall()
    parts = [Part(row.n, row.size, row.etag, row.checksum, from_us(row.modified_us)) for row in rows[:limit]]
    return parts, len(rows) > limit


def list_uploads(
    sql: sa.Connection, layer: int, prefix: bytes, after: tuple[bytes, str], limit: int
) -> tuple[Sequence[Upload], bool]:
    """Return uploads in progress by key and id after a position; without an id: after all uploads of that key."""
    columns = t.upload.c
    key, upload_id = after
    beyond = columns.key > key
    if upload_id:
        beyond |= (columns.key == key) & (columns.id > upload_id)
    statement = sa.select(t.upload).where(columns.layer == layer, columns.completed.is_(None), columns.key >= prefix)
    end = tree.prefix_end(prefix)
    if end is not None:
        statement = statement.where(columns.key < end)
    rows = sql.execute(statement.where(beyond).order_by(columns.key, columns.id).limit(limit + 1)).fetchall()
    return [_upload(row) for row in rows[:limit]], len(rows) > limit


def complete(
    tx: Transaction,
    stack: Stack,
    upload: Upload,
    listed: Sequence[CompletedPart],
    *,
    condition: Condition,
    announced: Checksum | None,
) -> Entry:
    """Make the listed parts one object; raises as `runner.store.view.Bucket.complete_upload`.

    What it becomes is kept with the upload: the same list again gets the same answer.
    """
    staging.require_open(tx, stack.top)
    row = _row(tx.sql, stack.top, upload.id, upload.key)
    wanted = [[part.number, part.etag, part.checksum] for part in listed]
    if row.completed is not None:
        return _again(tx, row, wanted)
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
    staging.put(tx, stack.top, entry, part_list)
    answer = json.dumps({"parts": wanted, "row": [_text(value) for value in row_of(entry, part_list)]}).encode()
    tx.sql.execute(sa.update(t.upload).where(t.upload.c.id == upload.id).values(completed=answer))
    tx.sql.execute(sa.delete(t.part).where(t.part.c.upload == upload.id))
    return entry


def abort(tx: Transaction, layer: int, upload: Upload) -> None:
    """Forget an upload and its parts; raises `ViewClosed`, `NoSuchUpload`."""
    require_open(tx, layer, upload)
    tx.sql.execute(sa.delete(t.part).where(t.part.c.upload == upload.id))
    tx.sql.execute(sa.delete(t.upload).where(t.upload.c.id == upload.id))


def drop_all(tx: Transaction, layer: int) -> int:
    """Forget all uploads above *layer*; return how many were never completed."""
    ids = sa.select(t.upload.c.id).where(t.upload.c.layer == layer)
    open_ones = tx.sql.execute(
        sa.select(sa.func.count())
        .select_from(t.upload)
        .where(t.upload.c.layer == layer, t.upload.c.completed.is_(None))
    ).scalar_one()
    tx.sql.execute(sa.delete(t.part).where(t.part.c.upload.in_(ids)))
    tx.sql.execute(sa.delete(t.upload).where(t.upload.c.layer == layer))
    return open_ones


def _row(sql: sa.Connection, layer: int, upload_id: str, key: bytes) -> sa.Row[Any]:
    row = sql.execute(sa.select(t.upload).where(t.upload.c.id == upload_id)).first()
    if row is None or row.layer != layer or row.key != key:
        raise NoSuchUpload("there is no such upload")
    return row


def _upload(row: sa.Row[Any]) -> Upload:
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
    rows = {row.n: row for row in tx.sql.execute(sa.select(t.part).where(t.part.c.upload == upload.id))}
    parts, slices = [], []
    for wanted in listed:
        row = rows.get(wanted.number)
        if row is None or row.etag != wanted.etag or wanted.checksum not in (None, row.checksum):
            raise InvalidPart(f"part {wanted.number} was not uploaded, or has another ETag or checksum")
        if row.size < PART_MIN_BYTES and wanted is not listed[-1]:
            raise PartTooSmall(f"part {wanted.number} is below 5 MiB")
        parts.append(Part(row.n, row.size, row.etag, row.checksum))
        slices.append(Slice(content.Content(EntryKind(row.kind), row.content), 0, row.size))
    if not 1 <= len(parts) <= PART_NUMBER_MAX:
        raise InvalidPart("an upload is completed with 1 to 10,000 parts")
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


def _again(tx: Transaction, row: sa.Row[Any], wanted: list[list[Any]]) -> Entry:
    """Return what the upload became, for the list that made it so."""
    answer = json.loads(row.completed)
    if answer["parts"] != wanted:
        raise NoSuchUpload("the upload was completed with other parts")
    key, kind, number, digest, *middle = answer["row"]
    size, etag, modified_us, _meta, checksum, part_list = middle
    return whole_entry_of(
        tx.db,
        Row(
            bytes.fromhex(key),
            kind,
            number,
            bytes.fromhex(digest),
            size,
            etag,
            modified_us,
            row.meta,
            checksum,
            part_list,
        ),
    )


def _text(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
