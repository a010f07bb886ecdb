"""``runner project``: the namespaces of repos and pipelines."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun, remark


@noun("project")
def project() -> None:
    """Create, list, inspect and delete projects."""


@project.command("create")
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@click.pass_obj
@in_trio
async def create(options: Options, name: str, description: str) -> None:
    """Make a project."""
    from runner.cli.world import opened
    from runner.store.history import projects

    async with opened(options) as world:
        await projects.create(world.store, name, description)
        remark(options, f"made the project {name}")


@project.command("list")
@click.pass_obj
@in_trio
async def list_(options: Options) -> None:
    """List the projects."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store.history import projects

    async with opened(options) as world:
        found = await projects.list_projects(world.store)
        columns = (tables.Column("PROJECT"), tables.Column("CREATED"), tables.Column("DESCRIPTION", gives=True))
        rows = [(each.name, tables.moment(each.created, world.now, world.look), each.description) for each in found]
        world.tell(
            [documents.project_info(each.name, each.created, each.description) for each in found],
            tables.table(columns, rows, world.look),
        )


@project.command("inspect")
@click.argument("name")
@click.pass_obj
@in_trio
async def inspect(options: Options, name: str) -> None:
    """Show one project."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store.history import projects

    async with opened(options) as world:
        found = await projects.inspect(world.store, name)
        created = tables.exact(found.created, world.now, world.look)
        world.tell(
            documents.project_info(found.name, found.created, found.description),
            tables.pairs([("project", found.name), ("created", created), ("description", found.description)]),
        )


@project.command("delete")
@click.argument("name")
@click.pass_obj
@in_trio
async def delete(options: Options, name: str) -> None:
    """Delete a project that holds nothing."""
    from runner.cli.world import opened
    from runner.store.history import projects

    async with opened(options) as world:
        await projects.delete(world.store, name)
        remark(options, f"deleted the project {name}")
