"""``runner commit``: finished versions of a repo."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.model.errors import Invalid

if TYPE_CHECKING:
    from runner.cli.world import World
    from runner.model.commit import Commit
    from runner.store import Store


class SeveralCommits(Invalid):
    """The id is of more than one commit."""


@noun("commit")
def commit() -> None:
    """List, inspect, compare and remove commits."""


@commit.command("list")
@click.argument("place", metavar="REPO[@BRANCH]|COMMIT|ID")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--quarantined", is_flag=True, help="Also what failed jobs wrote and did not publish.")
@click.pass_obj
@in_trio
async def list_(options: Options, place: str, limit: int, quarantined: bool) -> None:  # noqa: FBT001 -- click's
    """List commits, newest first: of a repo, of a branch, or a commit and what came before it.

    ID lists a commit set: all commits that one commit made along its pipelines.
    """
    from runner.cli import documents, tables
    from runner.cli.world import opened

    async with opened(options) as world:
        found = await _listed(world, place, limit, quarantined=quarantined)
        world.tell(
            [documents.commit_info(each) for each in found],
            tables.commits_table(found, world.now, world.look),
            nothing=f"{place} has no commits yet",
        )


async def _listed(world: World, text: str, limit: int, *, quarantined: bool) -> Sequence[Commit]:
    from runner.cli.places import whole
    from runner.model.ids import is_id_prefix
    from runner.store.history import commits
    from runner.store.history.refs import NoSuchBranch
    from runner.store.history.repos import NoSuchRepo
    from runner.store.history.squash import find_set

    where = whole(world.place(text))
    wanted = partial(commits.list_commits, world.store, where.project, where.repo, limit=limit, quarantined=quarantined)
    try:
        if where.is_branch or not where.revision:
            return await wanted(where.revision or None)
    except NoSuchRepo:
        if where.revision or not is_id_prefix(text):
            raise
        return (await find_set(world.store, text))[::-1]
    except NoSuchBranch:
        if not is_id_prefix(where.revision):
            raise
    return await wanted(since=await commits.resolve(world.store, where))


async def _one(world: World, text: str) -> Commit:
    """Find the commit of an address, or of an ID that is of one commit alone."""
    from runner.cli.places import whole
    from runner.model.ids import is_id_prefix
    from runner.store.history import commits
    from runner.store.history.repos import NoSuchRepo
    from runner.store.history.squash import find_set

    where = whole(world.place(text))
    try:
        return await commits.resolve(world.store, where)
    except NoSuchRepo:
        if where.revision or not is_id_prefix(text):
            raise
    found = await find_set(world.store, text)
    if len(found) > 1:
        hint = "\n".join(f"{each.repo}@{each.id}" for each in found)
        raise SeveralCommits(f"{text} names {len(found)} commits", hint=hint)
    return found[0]


@commit.command("inspect")
@click.argument("address", metavar="ADDRESS|ID")
@click.pass_obj
@in_trio
async def inspect(options: Options, address: str) -> None:
    """Show one commit: REPO@BRANCH, REPO@COMMIT, REPO@BRANCH^ the one before, REPO@BRANCH.1 the first."""
    from runner.cli import documents, tables, words
    from runner.cli.world import opened

    async with opened(options) as world:
        found = await _one(world, address)
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
@click.argument("after", metavar="[AFTER]", required=False)
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--text", is_flag=True, help="Also the lines that differ, of objects that are text.")
@click.pass_obj
@in_trio
async def diff(options: Options, before: str, after: str | None, *, prefix: str, text: bool) -> None:
    """Show which objects differ between two commits: + added, - removed, ~ changed.

    Without AFTER it is what the one commit changed: how it differs from its parent.
    """
    from runner.cli.differing import tell_diff
    from runner.cli.places import whole
    from runner.cli.world import opened
    from runner.store.history import commits

    async with opened(options) as world:
        old: Commit | None
        old = new = await commits.resolve(world.store, whole(world.place(before)))
        if after is not None:
            new = await commits.resolve(world.store, whole(world.place(after)))
        else:
            old = await commits.parent_of(world.store, new)
        if not await tell_diff(world, old, new, os.fsencode(prefix.removeprefix("/")), text=text):
            remark(options, f"no object that begins with {prefix} differs" if prefix else "they hold the same objects")


_BRANCH = click.argument("place", metavar="REPO@BRANCH")
_DESCRIPTION = click.option("-m", "--message", default="", metavar="TEXT", help="What it is.")


@commit.command("start")
@_BRANCH
@_DESCRIPTION
@click.pass_obj
@in_trio
async def start(options: Options, place: str, message: str) -> None:
    """Begin a commit; what is written to the branch until it is finished goes into it. Prints its id."""
    from runner.store.writing import open_commits

    await _by_hand(options, place, message, open_commits.start)


@commit.command("finish")
@_BRANCH
@_DESCRIPTION
@click.pass_obj
@in_trio
async def finish(options: Options, place: str, message: str) -> None:
    """Finish the commit that was begun on a branch. Prints its id."""
    from runner.store.writing import open_commits

    await _by_hand(options, place, message, open_commits.finish)


async def _by_hand(
    options: Options, place: str, message: str, act: Callable[[Store, str, str, str, str], Awaitable[Commit]]
) -> None:
    from rich.text import Text

    from runner.cli import documents
    from runner.cli.places import branch
    from runner.cli.world import opened

    async with opened(options) as world:
        where = world.place(place)
        made = await act(world.store, where.project, where.repo, branch(where), message)
        world.tell(documents.commit_info(made), [Text(made.id)])


@commit.command("wait")
@click.argument("address")
@click.pass_obj
@in_trio
async def wait(options: Options, address: str) -> int:
    """Wait until a commit is finished, also one that a job will make; ends with the job's status when it makes none."""
    from rich.text import Text

    from runner.cli import documents
    from runner.cli.places import whole
    from runner.cli.world import opened
    from runner.store.waiting import until_finished

    async with opened(options) as world:
        found = await until_finished(world.store, whole(world.place(address)), world.settings.worker.reconcile_seconds)
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
    from runner.store.history import squash as squashing

    await _take_out(options, name, squashing.squash, "squashed")


@commit.command("delete")
@_COMMIT
@click.pass_obj
@in_trio
async def delete(options: Options, name: str) -> None:
    """Delete the newest commit of a history; its branch then points at the one before.

    COMMIT is REPO@COMMIT, or the ID of a commit set. Bytes are freed by `runner store gc`.
    """
    from runner.store.history import squash as squashing

    await _take_out(options, name, squashing.delete, "deleted")


async def _take_out(
    options: Options, name: str, act: Callable[[Store, Sequence[Commit]], Awaitable[None]], done: str
) -> None:
    from runner.cli.places import whole
    from runner.cli.world import opened
    from runner.store.history.squash import find, find_set

    async with opened(options) as world:
        wanted = await (find(world.store, whole(world.place(name))) if "@" in name else find_set(world.store, name))
        await act(world.store, wanted)
        for each in wanted:
            remark(options, f"{done} {each.repo}@{each.id}")
