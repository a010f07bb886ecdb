"""``runner file``: objects, as the store's commands call them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.cli.places import written
from runner.model.address import Address
from runner.model.entry import Entry
from runner.model.errors import Invalid
from runner.store.refusals import NoSuchKey

if TYPE_CHECKING:
    from rich.text import Text

    from runner.model.commit import Commit
    from runner.store.files import OnOddKeys
    from runner.store.view import Bucket

_ADDRESS = click.argument("address", metavar="REPO@BRANCH[:/PATH]")


class PathMissing(Invalid):
    """The address must name a file."""


@noun("file")
def file() -> None:
    """Put, get, list, show and delete objects."""


@file.command("put")
@click.argument("source", metavar="SOURCE")
@click.argument("address", metavar="REPO@BRANCH[:/PATH]")
@click.option("-r", "--recursive", is_flag=True, help="SOURCE is a folder; all of it becomes one commit.")
@click.option("--mirror", is_flag=True, help="With -r: also delete what is below PATH and not in the folder.")
@click.option(
    "--trust-mtime", is_flag=True, help="With -r: do not read files whose size and time are those that were put before."
)
@click.pass_obj
@in_trio
async def put(options: Options, source: str, address: str, *, recursive: bool, mirror: bool, trust_mtime: bool) -> None:
    """Put a file, or with -r a folder, as one commit; SOURCE - is standard input.

    A file goes to PATH, or into it where that ends with /; what is in a folder goes below PATH. Repo and branch are
    made when they are missing; without a change there is no new commit.
    """
    from runner.cli import documents
    from runner.cli.putting import FolderGiven, check_source, put_file, put_folder
    from runner.cli.world import opened

    check_source(source, is_folder=recursive)
    if (mirror or trust_mtime) and not recursive:
        raise FolderGiven(f"{'--mirror' if mirror else '--trust-mtime'} is for folders", hint="add -r")
    async with opened(options) as world:
        commit, is_new = await (
            put_folder(world, Path(source), address, mirror=mirror, trust_mtime=trust_mtime)
            if recursive
            else put_file(world, source, address)
        )
        world.tell(documents.commit_info(commit), _told(commit))
        if not is_new:
            remark(options, "nothing changed, so there is no new commit")


@file.command("get")
@_ADDRESS
@click.argument("destination", type=click.Path(path_type=Path), required=False)
@click.option("-r", "--recursive", is_flag=True, help="Everything below PATH, into the folder DESTINATION.")
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
    """Copy one object to a file, or with -r all that is below PATH to a folder."""
    from runner.cli import words
    from runner.cli.objects import folder, save
    from runner.cli.progress import progress_line
    from runner.cli.world import opened
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        commit = await world.commit_at(where)
        if recursive:
            if destination is None:
                raise Invalid("no folder to write to", hint=f"runner file get -r {address} FOLDER")
            if where.path:
                await _require_folder(files.bucket_of(world.store, commit), where)
            with progress_line("getting", options) as progress:
                counts = await files.export_folder(
                    world.store,
                    commit,
                    destination,
                    folder(where.path or ""),
                    on_odd_keys=on_odd_keys,
                    progress=progress,
                )
            remark(
                options, f"{words.count(counts.objects, 'object')}, {words.size(counts.size_bytes)} in {destination}"
            )
            return
        key = _key_of(address, where.path)
        target = destination or Path(Path(key).name)
        target = target / Path(key).name if target.is_dir() else target
        await save(files.bucket_of(world.store, commit), key, target)
        remark(options, f"{words.visible(key)} in {target}")


async def _require_folder(bucket: Bucket, where: Address) -> None:
    """Raise `NoSuchKey` where nothing is below a path; what may have been meant is a file."""
    from runner.cli.objects import is_folder

    path = where.path or ""
    if not await is_folder(bucket, path):
        try:
            await bucket.head(path.encode())
        except NoSuchKey:
            raise NoSuchKey(f"there is nothing below /{path}", hint="runner file list shows what there is") from None
        raise NoSuchKey(f"/{path} is a file, not a folder", hint="leave -r away")


@file.command("cat")
@_ADDRESS
@click.pass_obj
@in_trio
async def cat(options: Options, address: str) -> None:
    """Write one object to stdout."""
    import trio

    from runner.cli.objects import find, whole
    from runner.cli.world import opened
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        commit = await world.commit_at(where)
        reader = await find(files.bucket_of(world.store, commit), _key_of(address, where.path))
        out = trio.wrap_file(sys.stdout.buffer)
        async with aclosing(whole(reader)) as pieces:
            async for piece in pieces:
                await out.write(piece)
        await out.flush()


@file.command("list")
@_ADDRESS
@click.option("-r", "--recursive", is_flag=True, help="Every object, not folder by folder.")
@click.pass_obj
@in_trio
async def list_(options: Options, address: str, *, recursive: bool) -> None:
    """List the objects below PATH; a folder ends with a slash."""
    from runner.cli.listing import list_items
    from runner.cli.objects import below
    from runner.cli.world import opened
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        commit = await world.commit_at(where)
        pages = below(files.bucket_of(world.store, commit), where.path or "", b"" if recursive else b"/")
        count = await list_items(world, commit, pages)
        if not count:
            remark(options, f"nothing below /{where.path}" if where.path else f"{where} holds no objects")


@file.command("glob")
@click.argument("address", metavar="REPO@BRANCH:PATTERN")
@click.pass_obj
@in_trio
async def glob(options: Options, address: str) -> None:
    """List the objects whose path matches a glob; quote it, or the shell does."""
    from runner.cli.listing import list_items
    from runner.cli.objects import below
    from runner.cli.world import opened
    from runner.spec.globs import compile_glob
    from runner.store import files

    async with opened(options) as world:
        where = world.place(address)
        pattern = compile_glob(_key_of(address, where.path))
        commit = await world.commit_at(where)

        async def matching() -> AsyncIterator[Sequence[Entry | bytes]]:
            async for items in below(files.bucket_of(world.store, commit), "", b""):
                yield [item for item in items if isinstance(item, Entry) and pattern.match("/" + item.key.decode())]

        if not await list_items(world, commit, matching()):
            remark(options, "no object matches")


@file.command("delete")
@_ADDRESS
@click.option("-r", "--recursive", is_flag=True, help="Everything below PATH.")
@click.pass_obj
@in_trio
async def delete(options: Options, address: str, *, recursive: bool) -> None:
    """Delete one object, or with -r all that is below PATH, as one commit."""
    from runner.cli import documents
    from runner.cli.objects import folder
    from runner.cli.world import opened
    from runner.store.files import delete_below
    from runner.store.writing import branches
    from runner.store.writing.changes import open_change

    async with opened(options) as world:
        where = world.place(address)
        path = (where.path or "") if recursive else _key_of(address, where.path)
        branch = written(where)
        await branches.inspect(world.store, where.project, where.repo, branch)
        async with open_change(world.store, where.project, where.repo, branch) as change:
            count = 0
            if path and change.find(path.encode()) is not None:
                await change.delete(path.encode())
                count += 1
            if recursive:
                count += await delete_below(change, folder(path))
            if not count:
                raise NoSuchKey(f"{where.repo}@{branch} holds nothing at /{path}")
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
