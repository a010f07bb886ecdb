"""``runner repo``: names of histories."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun, remark


@noun("repo")
def repo() -> None:
    """Create, list, inspect and delete repos."""


@repo.command("create")
@click.argument("name")
@click.option("-d", "--description", default="", help="What it holds.")
@click.pass_obj
@in_trio
async def create(options: Options, name: str, description: str) -> None:
    """Make an empty repo."""
    from runner.cli.world import opened
    from runner.store.history import repos

    async with opened(options) as world:
        await repos.create(world.store, world.project, name, description)
        remark(options, f"made the repo {name}")


@repo.command("list")
@click.pass_obj
@in_trio
async def list_(options: Options) -> None:
    """List the repos of the project."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store.history import repos

    async with opened(options) as world:
        found = await repos.list_repos(world.store, world.project)
        world.tell(
            [documents.repo_info(each) for each in found],
            tables.repos_table(found, world.now, world.look),
            nothing="no repos yet; runner file put -r FOLDER NAME@master makes one",
        )


@repo.command("inspect")
@click.argument("name")
@click.pass_obj
@in_trio
async def inspect(options: Options, name: str) -> None:
    """Show a repo and its branches."""
    from rich.text import Text

    from runner.cli import documents, tables, words
    from runner.cli.world import opened
    from runner.store.history import repos
    from runner.store.writing import branches

    async with opened(options) as world:
        found = await repos.inspect(world.store, world.project, name)
        heads = await branches.list_branches(world.store, world.project, name)
        facts = tables.pairs(
            [
                ("repo", Text(found.name, style="bold")),
                ("project", found.project),
                ("created", tables.exact(found.created, world.now, world.look)),
                ("size", f"{words.size(found.size_bytes)} on master"),
                ("description", words.visible(found.description)),
            ]
        )
        listed = tables.branches_table(heads, world.now, world.look)
        world.tell(documents.repo_info(found, heads), [*facts, *([Text()] if listed else []), *listed])


@repo.command("delete")
@click.argument("name")
@click.pass_obj
@in_trio
async def delete(options: Options, name: str) -> None:
    """Delete a repo with its branches and commits."""
    from runner.cli.world import opened
    from runner.store.history import removal

    async with opened(options) as world:
        await removal.delete_repo(world.store, world.project, name)
        remark(options, f"deleted the repo {name}")
