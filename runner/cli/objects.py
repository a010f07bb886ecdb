"""Objects of a commit as commands read them: one, all below a path, page by page."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

import trio

from runner.model.entry import Entry
from runner.model.errors import Invalid, Unavailable
from runner.store.refusals import NoSuchKey
from runner.store.view import Bucket, ObjectReader

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


class TargetRefused(Invalid):
    """A file cannot be written where it was to be."""


async def find(bucket: Bucket, key: str) -> ObjectReader:
    """Open an object; say what may have been meant when it is a folder."""
    try:
        return await bucket.get(key.encode())
    except NoSuchKey as exc:
        hint = "it is a folder: runner file list shows what is in it" if await is_folder(bucket, key) else ""
        raise NoSuchKey(f"there is no object /{key}", hint=hint) from exc


async def is_folder(bucket: Bucket, path: str) -> bool:
    """Tell whether there are keys below *path*."""
    return bool((await bucket.list(folder(path), b"", b"", 1)).items)


def folder(path: str) -> bytes:
    """Return what the keys of all objects below *path* begin with; that of the root is empty."""
    return f"{path.rstrip('/')}/".encode() if path.rstrip("/") else path.encode()


async def whole(reader: ObjectReader) -> AsyncGenerator[bytes, None]:
    """Yield all bytes of an object."""
    async for piece in reader.read(0, reader.entry.size):
        yield piece


async def save(bucket: Bucket, key: str, target: Path) -> None:
    """Write an object to *target*, which appears whole or not at all.

    Raises:
        NoSuchKey.
        TargetRefused: (Invalid)
        Unavailable: The disk is full, or failed.
    """
    reader = await find(bucket, key)
    partial = target.with_name(f".{target.name}.part")
    try:
        async with await trio.open_file(partial, "wb") as out, aclosing(whole(reader)) as pieces:
            async for piece in pieces:
                await out.write(piece)
        partial.replace(target)
    except OSError as exc:
        kind = Unavailable if exc.errno in _FULL else TargetRefused
        raise kind(f"{target} cannot be written: {exc.strerror}") from exc
    finally:
        with suppress(OSError):
            partial.unlink()


async def below(bucket: Bucket, path: str, delimiter: bytes) -> AsyncIterator[Sequence[Entry | bytes]]:
    """Yield page by page what lies below *path*, before it the object of that very name; of the root everything."""
    if path and not path.endswith("/"):
        with suppress(NoSuchKey):
            yield [await bucket.head(path.encode())]
    after: bytes | None = b""
    while after is not None:
        page = await bucket.list(folder(path), delimiter, after)
        yield page.items
        after = page.next_after
