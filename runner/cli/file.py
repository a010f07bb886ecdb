"""``runner file``: objects, as the store's commands call them."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.model.address import DEFAULT_BRANCH, Address
from runner.model.entry import Attributes, Entry
from runner.model.errors import Invalid, Unavailable
from runner.store.refusals import NoSuchKey
from runner.store.view import Bucket, ObjectReader

if TYPE_CHECKING:
    from rich.text import Text

    from runner.cli.world import World
    from runner.model.commit import Commit
    from runner.store.files import OnOddKeys

CHUNK_BYTES = 1024 * 1024
_ADDRESS = click.argument("address", metavar="REPO@BRANCH[:/PATH]")


class PathMissing(Invalid):
    """The address must name a file."""


class FolderGiven(Invalid):
    """A folder is put or got with ``-r``."""


@noun("file")
def file() -> None:
    """Put, get, list, show and delete objects."""


@file.command("put")
@click.argument("source", metavar="SOURCE")
@click.argument("address", metavar="REPO@BRANCH[:/PATH]")
@click.option("-r", "--recursive", is_flag=True, help="SOURCE is a folder; all of it becomes one commit.")
@click.option("--mirror", is_flag=True, help="With -r: also delete what the folder does not hold.")
@click.option(
    "--trust-mtime", is_flag=True, help="With -r: do not read files whose size and time are those that were put before."
)
@click.pass_obj
@in_trio
async def put(options: Options, source: str, address: str, *, recursive: bool, mirror: bool, trust_mtime: bool) -> None:
    """Put a file, or with -r a folder, as one commit; SOURCE - is standard input.

    Repo and branch are made when they are missing; without a change there is no new commit.
    """
    from runner.cli import documents
    from runner.cli.world import opened

    _check_source(source, is_folder=recursive)
    async with opened(options) as world:
        commit, is_new = await (
            _put_folder(world, Path(source), address, mirror=mirror, trust_mtime=trust_mtime)
            if recursive
            else _put(world, source, address)
        )
        world.tell(documents.commit_info(commit), _told(commit))
        if not is_new:
            remark(options, "nothing changed, so there is no new commit")


def _check_source(source: str, *, is_folder: bool) -> None:
    """Refuse what cannot be put before the store is touched."""
    path = Path(source)
    if source != "-" and not path.exists():
        raise Invalid(f"{source} is not there", hint="give a file, a folder with -r, or - for standard input")
    if path.is_dir() and not is_folder:
        raise FolderGiven(f"{source} is a folder", hint="add -r to put all of it")
    if is_folder and not path.is_dir():
        raise FolderGiven(f"{source} is not a folder", hint="leave -r away to put one file")


async def _put_folder(
    world: World, path: Path, address: str, *, mirror: bool, trust_mtime: bool
) -> tuple[Commit, bool]:
    from runner.cli.progress import progress_line
    from runner.store import files

    where = world.place(address)
    with progress_line("putting", world.options) as progress:
        return await files.import_folder(
            world.store,
            path,
            where.project,
            where.repo,
            _branch(where),
            mirror=mirror,
            trust_mtime=trust_mtime,
            progress=progress,
        )


async def _put(world: World, source: str, address: str) -> tuple[Commit, bool]:
    from runner.store.changes import open_change

    where = world.place(address)
    key = where.path or ""
    if source != "-" and (not key or key.endswith("/")):
        key += Path(source).name
    if not key:
        raise PathMissing("standard input has no name", hint=f"write {where}:/NAME")
    async with open_change(world.store, where.project, where.repo, _branch(where)) as change:
        await change.put(key.encode(), _pieces(source), Attributes())
        return await change.commit()


def _branch(place: Address) -> str:
    return place.revision or DEFAULT_BRANCH


async def _pieces(source: str) -> AsyncIterator[bytes]:
    """Yield the bytes of a file, or of standard input."""
    import trio

    opened = partial(open, source, "rb") if source != "-" else lambda: sys.stdin.buffer
    with await trio.to_thread.run_sync(opened) as stream:
        # Nobody may be typing: a read of a terminal or a pipe must not hold up Ctrl-C.
        while piece := await trio.to_thread.run_sync(stream.read, CHUNK_BYTES, abandon_on_cancel=True):
            yield piece


@file.command("get")
@_ADDRESS
@click.argument("destination", type=click.Path(path_type=Path), required=False)
@click.option("-r", "--recursive", is_flag=True, help="Everything under PATH, into the folder DESTINATION.")
@click.option(
    "--on-odd-keys",
    type=click.Choice(("stop", "skip", "escape")),
    default="stop",
    show_default=True,
    help="What to do with keys that a folder cannot hold.",
)
@click.pass_obj
@in_trio
async def get(
    options: Options, address: str, destination: Path | None, *, recursive: bool, on_odd_keys: OnOddKeys
) -> None:
    """Copy one object to a file, or with -r all of them to a folder."""
    from runner.cli import words
    from runner.cli.progress import progress_line
    from runner.cli.world import opened
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        commit = await world.commit_at(where)
        if recursive:
            if destination is None:
                raise Invalid("no folder to write to", hint=f"runner file get -r {address} FOLDER")
            prefix = (where.path or "").encode()
            with progress_line("getting", options) as progress:
                counts = await files.export_folder(
                    world.store, commit, destination, prefix, on_odd_keys=on_odd_keys, progress=progress
                )
            remark(
                options, f"{words.count(counts.objects, 'object')}, {words.size(counts.size_bytes)} in {destination}"
            )
            return
        key = _key_of(address, where.path)
        target = destination or Path(Path(key).name)
        target = target / Path(key).name if target.is_dir() else target
        await _save(files.bucket_of(world.store, commit), key, target)
        remark(options, f"{words.visible(key)} in {target}")


@file.command("cat")
@_ADDRESS
@click.pass_obj
@in_trio
async def cat(options: Options, address: str) -> None:
    """Write one object to stdout."""
    import trio

    from runner.cli.world import opened
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        commit = await world.commit_at(where)
        reader = await _find(files.bucket_of(world.store, commit), _key_of(address, where.path))
        out = trio.wrap_file(sys.stdout.buffer)
        async with aclosing(_whole(reader)) as pieces:
            async for piece in pieces:
                await out.write(piece)
        await out.flush()


@file.command("list")
@_ADDRESS
@click.option("-r", "--recursive", is_flag=True, help="Every object, not folder by folder.")
@click.pass_obj
@in_trio
async def list_(options: Options, address: str, *, recursive: bool) -> None:
    """List the objects under PATH; a folder ends with a slash."""
    from runner.cli.listing import list_items
    from runner.cli.world import opened
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        commit = await world.commit_at(where)
        pages = _pages(files.bucket_of(world.store, commit), (where.path or "").encode(), b"" if recursive else b"/")
        count = await list_items(world, commit, pages)
        if not count:
            remark(options, f"nothing under /{where.path}" if where.path else f"{where} holds no objects")


@file.command("glob")
@click.argument("address", metavar="REPO@BRANCH:PATTERN")
@click.pass_obj
@in_trio
async def glob(options: Options, address: str) -> None:
    """List the objects whose path matches a glob; quote it, or the shell does."""
    from runner.cli.listing import list_items
    from runner.cli.world import opened
    from runner.spec.globs import compile_glob
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        pattern = compile_glob(_key_of(address, where.path))
        commit = await world.commit_at(where)

        async def matching() -> AsyncIterator[Sequence[Entry | bytes]]:
            async for items in _pages(files.bucket_of(world.store, commit), b"", b""):
                yield [item for item in items if isinstance(item, Entry) and pattern.match("/" + item.key.decode())]

        if not await list_items(world, commit, matching()):
            remark(options, "no object matches")


@file.command("delete")
@_ADDRESS
@click.option("-r", "--recursive", is_flag=True, help="Everything under PATH.")
@click.pass_obj
@in_trio
async def delete(options: Options, address: str, *, recursive: bool) -> None:
    """Delete one object, or with -r all under PATH, as one commit."""
    from runner.cli import documents
    from runner.cli.world import opened
    from runner.store.changes import open_change

    async with opened(options) as world:
        where = world.place(address)
        key = (where.path or "") if recursive else _key_of(address, where.path)
        async with open_change(world.store, where.project, where.repo, _branch(where)) as change:
            if recursive:
                prefix = key.encode()
                doomed = [row.key async for row in change.walk() if row.key.startswith(prefix)]
            else:
                doomed = [key.encode()] if change.find(key.encode()) is not None else []
            if not doomed:
                raise NoSuchKey(f"{where.repo}@{_branch(where)} holds nothing at /{key}")
            for each in doomed:
                await change.delete(each)
            commit, _ = await change.commit()
        world.tell(documents.commit_info(commit), _told(commit))


def _told(commit: Commit) -> list[Text]:
    """Say which commit came out, in the form of an address."""
    from rich.text import Text

    return [Text(f"{commit.repo}@{commit.id}")]


def _key_of(address: str, path: str | None) -> str:
    if not path:
        raise PathMissing(f"{address} names no file", hint="write REPO@BRANCH:/PATH")
    return path


async def _find(bucket: Bucket, key: str) -> ObjectReader:
    """Open an object; say what may have been meant when it is a folder."""
    try:
        return await bucket.get(key.encode())
    except NoSuchKey as exc:
        page = await bucket.list(key.rstrip("/").encode() + b"/", b"", b"", 1)
        hint = "it is a folder: runner file list shows what is in it" if page.items else ""
        raise NoSuchKey(f"there is no object /{key}", hint=hint) from exc


async def _whole(reader: ObjectReader) -> AsyncGenerator[bytes, None]:
    """Yield all bytes of an object."""
    async for piece in reader.read(0, reader.entry.size):
        yield piece


async def _save(bucket: Bucket, key: str, target: Path) -> None:
    """Write an object to *target*, which appears whole or not at all."""
    import trio

    reader = await _find(bucket, key)
    partial = target.with_name(f".{target.name}.part")
    try:
        async with await trio.open_file(partial, "wb") as out, aclosing(_whole(reader)) as pieces:
            async for piece in pieces:
                await out.write(piece)
        partial.replace(target)
    except OSError as exc:
        raise Unavailable(f"{target} cannot be written: {exc.strerror}") from exc
    finally:
        partial.unlink(missing_ok=True)


async def _pages(bucket: Bucket, prefix: bytes, delimiter: bytes) -> AsyncIterator[Sequence[Entry | bytes]]:
    """Yield a listing page by page."""
    after: bytes | None = b""
    while after is not None:
        page = await bucket.list(prefix, delimiter, after)
        yield page.items
        after = page.next_after
