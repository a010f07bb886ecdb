"""``runner commit``: finished versions of a repo."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun


@noun("commit")
def commit() -> None:
    """List, inspect and compare commits."""


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
@click.pass_obj
@in_trio
async def diff(options: Options, before: str, after: str, prefix: str) -> None:
    """Show which objects differ between two commits: + added, - removed, ~ changed."""
    from rich.text import Text

    from runner.cli import documents, tables, words
    from runner.cli.compare import compare, tally
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
