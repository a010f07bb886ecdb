"""``runner pipeline``: what was run under which name, and in which versions."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun


@noun("pipeline")
def pipeline() -> None:
    """List and inspect pipelines."""


@pipeline.command("list")
@click.pass_obj
@in_trio
async def list_(options: Options) -> None:
    """List the pipelines of the project, each with its newest version and last job."""
    from runner.cli import documents, tables
    from runner.cli.looks import JOB_SIGNS
    from runner.cli.world import opened
    from runner.store import jobs, pipelines

    async with opened(options) as world:
        found = await pipelines.list_pipelines(world.store, world.project)
        last = {
            each.name: next(iter(await jobs.list_jobs(world.store, world.project, each.name, limit=1)), None)
            for each in found
        }
        columns = (
            tables.Column("NAME", gives=True),
            tables.Column("VERSION", right=True),
            tables.Column("CREATED"),
            tables.Column("LAST JOB"),
            tables.Column("ID"),
        )
        rows = []
        for each in found:
            job = last[each.name]
            state = JOB_SIGNS[job.state].text(world.look) if job else "-"
            created = tables.moment(each.created, world.now, world.look)
            id_ = tables.identifier(job.key.id if job else None, world.look)
            rows.append((each.name, str(each.version), created, state, id_))
        world.tell(
            [documents.pipeline_info(each, last[each.name]) for each in found],
            tables.table(columns, rows, world.look),
            nothing="no pipelines yet; runner run SPEC makes one",
        )


@pipeline.command("inspect")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Another version than the newest.")
@click.pass_obj
@in_trio
async def inspect(options: Options, name: str, version: int | None) -> None:
    """Show a pipeline and its effective spec."""
    import json

    from rich.text import Text

    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store import pipelines

    async with opened(options) as world:
        found = await pipelines.inspect(world.store, world.project, name)
        shown = version or found.version
        spec = await pipelines.spec_of(world.store, world.project, name, shown)
        facts = tables.pairs(
            [
                ("pipeline", Text(found.name, style="bold")),
                ("version", f"{shown} of {found.version}"),
                ("created", tables.exact(found.created, world.now, world.look)),
                ("digest", found.digest if shown == found.version else ""),
            ]
        )
        lines = [Text(line) for line in json.dumps(spec, indent=2, ensure_ascii=False).splitlines()]
        world.tell({**documents.pipeline_info(found), "details": spec}, [*facts, Text(), *lines])
