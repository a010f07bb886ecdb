"""``runner commit``: finished versions of a repo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.model.address import DEFAULT_BRANCH

if TYPE_CHECKING:
    from runner.model.commit import Commit
    from runner.store import Store


@noun("commit")
def commit() -> None:
    """List, inspect, compare and remove commits."""


@commit.command("list")
@click.argument("place", metavar="REPO[@BRANCH]")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--quarantined", is_flag=True, help="Also what failed jobs wrote and did not publish.")
@click.pass_obj
@in_trio
async def list_(options: Options, place: str, limit: int, quarantined: bool) -> None:  # noqa: FBT001 -- click's
    """List commits, newest first."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store import commits

    async with opened(options) as world:
        where = world.place(place)
        found = await commits.list_commits(
            world.store, where.project, where.repo, where.revision or None, limit=limit, quarantined=quarantined
        )
        world.tell(
            [documents.commit_info(each) for each in found],
            tables.commits_table(found, world.now, world.look),
            nothing=f"{where} has no commits yet",
        )


@commit.command("inspect")
@click.argument("address")
@click.pass_obj
@in_trio
async def inspect(options: Options, address: str) -> None:
    """Show one commit: REPO@BRANCH, REPO@COMMIT, REPO@BRANCH^."""
    from runner.cli import documents, tables, words
    from runner.cli.world import opened
    from runner.store import commits

    async with opened(options) as world:
        found = await commits.resolve(world.store, world.place(address))
        world.tell(
            documents.commit_info(found),
            tables.pairs(
                [
                    ("commit", f"{found.repo}@{found.id}"),
                    ("branch", f"{found.repo}@{found.branch}"),
                    ("parent", found.parent or "none"),
                    ("state", found.state.lower()),
                    ("origin", f"{found.origin.lower()}: " + _ORIGINS[found.origin.value]),
                    ("started", tables.exact(found.started, world.now, world.look)),
                    ("finished", tables.exact(found.finished, world.now, world.look)),
                    ("holds", f"{words.count(found.objects, 'object')}, {words.size(found.size_bytes)}"),
                    ("digest", found.digest.hex()),
                    ("description", words.visible(found.description)),
                    ("error", words.visible(found.error)),
                ]
            ),
        )


_ORIGINS = {"USER": "written by a client", "AUTO": "the output of a pipeline"}


@commit.command("diff")
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--text", is_flag=True, help="Also the lines that differ, of objects that are text.")
@click.pass_obj
@in_trio
async def diff(options: Options, before: str, after: str, *, prefix: str, text: bool) -> None:
    """Show which objects differ between two commits: + added, - removed, ~ changed."""
    from rich.text import Text

    from runner.cli import documents, tables, words
    from runner.cli.compare import compare, tally
    from runner.cli.textdiff import text_diff
    from runner.cli.world import opened
    from runner.store import commits

    async with opened(options) as world:
        old = await commits.resolve(world.store, world.place(before))
        new = await commits.resolve(world.store, world.place(after))
        found = [difference async for difference in compare(world.store, old, new, prefix.encode())]
        colours = {"+": "green", "-": "red", "~": "yellow"}
        rows = [
            (
                Text(each.sign, style=colours[each.sign]),
                words.size(each.before.size) if each.before else "",
                words.size(each.after.size) if each.after else "",
                words.key(each.key),
            )
            for each in found
        ]
        heads = (("", False), ("BEFORE", True), ("AFTER", True), ("NAME", False))
        listed = tables.table([tables.Column(head, right=right) for head, right in heads], rows, world.look)
        change = tally(found)
        if text:
            listed = [line for each in found for line in await text_diff(world.store, old, new, each)]
        total = f"{change.added:,} added, {change.changed:,} changed, {change.removed:,} removed"
        world.tell(
            [
                {
                    "oldFile": documents.file_info(old, each.before) if each.before else None,
                    "newFile": documents.file_info(new, each.after) if each.after else None,
                }
                for each in found
            ],
            [*listed, Text(total, style="dim")] if found else [],
            nothing="they hold the same objects",
        )


_BRANCH = click.argument("place", metavar="REPO@BRANCH")
_DESCRIPTION = click.option("-m", "--message", default="", metavar="TEXT", help="What it is.")


@commit.command("start")
@_BRANCH
@_DESCRIPTION
@click.pass_obj
@in_trio
async def start(options: Options, place: str, message: str) -> None:
    """Begin a commit; what is written to the branch until it is finished goes into it. Prints its id."""
    from runner.store import open_commits

    await _by_hand(options, place, message, open_commits.start)


@commit.command("finish")
@_BRANCH
@_DESCRIPTION
@click.pass_obj
@in_trio
async def finish(options: Options, place: str, message: str) -> None:
    """Finish the commit that was begun on a branch. Prints its id."""
    from runner.store import open_commits

    await _by_hand(options, place, message, open_commits.finish)


async def _by_hand(
    options: Options, place: str, message: str, act: Callable[[Store, str, str, str, str], Awaitable[Commit]]
) -> None:
    from rich.text import Text

    from runner.cli import documents
    from runner.cli.world import opened

    async with opened(options) as world:
        where = world.place(place)
        made = await act(world.store, where.project, where.repo, where.revision or DEFAULT_BRANCH, message)
        world.tell(documents.commit_info(made), [Text(made.id)])


@commit.command("wait")
@click.argument("address")
@click.pass_obj
@in_trio
async def wait(options: Options, address: str) -> int:
    """Wait until a commit is finished, also one that a job will make; ends with the job's status when it makes none."""
    from rich.text import Text

    from runner.cli import documents
    from runner.cli.world import opened
    from runner.store.waiting import until_finished

    async with opened(options) as world:
        found = await until_finished(world.store, world.place(address), world.settings.worker.reconcile_seconds)
        if found.commit is not None:
            world.tell(documents.commit_info(found.commit), [Text(found.commit.id)])
        elif found.job is not None:
            remark(options, f"{found.job.key} made none: {found.job.reason}")
        return found.status


_COMMIT = click.argument("name", metavar="COMMIT")


@commit.command("squash")
@_COMMIT
@click.pass_obj
@in_trio
async def squash(options: Options, name: str) -> None:
    """Take a commit out of the middle of its history; what it changed stays in those that follow it.

    COMMIT is REPO@COMMIT, or the ID of a commit set: all commits that one commit made along its pipelines.
    """
    from runner.store import squash as squashing

    await _take_out(options, name, squashing.squash, "squashed")


@commit.command("delete")
@_COMMIT
@click.pass_obj
@in_trio
async def delete(options: Options, name: str) -> None:
    """Delete the newest commit of a history; its branch then points at the one before.

    COMMIT is REPO@COMMIT, or the ID of a commit set. Bytes are freed by `runner store gc`.
    """
    from runner.store import squash as squashing

    await _take_out(options, name, squashing.delete, "deleted")


async def _take_out(
    options: Options, name: str, act: Callable[[Store, Sequence[Commit]], Awaitable[None]], done: str
) -> None:
    from runner.cli.world import opened
    from runner.store.squash import find, find_set

    async with opened(options) as world:
        wanted = await (find(world.store, world.place(name)) if "@" in name else find_set(world.store, name))
        await act(world.store, wanted)
        for each in wanted:
            remark(options, f"{done} {each.repo}@{each.id}")
