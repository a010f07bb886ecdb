"""``runner pipeline``: what workers run as branches move, and what was run under which name, in which versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.options import Options, in_trio, noun, remark

if TYPE_CHECKING:
    from runner.cli.world import World
    from runner.spec.pipelines import Loaded
    from runner.store.jobs.pipelines import Registered

_SPEC = click.argument("spec", metavar="SPEC", type=click.Path(path_type=Path))
_NAME = click.argument("name")


@noun("pipeline")
def pipeline() -> None:
    """Create, update, list, inspect, run, stop, start and delete pipelines."""


@pipeline.command("create")
@_SPEC
@click.pass_obj
@in_trio
async def create(options: Options, spec: Path) -> None:
    """Register the pipelines of SPEC: commits on their inputs make jobs, which a runner worker takes.

    The repos of the inputs must be there. When they hold something there is a job at once.
    """
    from runner.cli.world import opened
    from runner.store.pipelines import registry

    async with opened(options) as world:
        made = []
        for one in _load(world, spec):
            made.append(each := await registry.create(world.store, one.pipeline))
            remark(options, f"made the pipeline {each.name}, now at version {each.version}")
        _tell_written(world, made)


@pipeline.command("update")
@_SPEC
@click.option("--reprocess", is_flag=True, help="Process all datums again, also those that did not change.")
@click.pass_obj
@in_trio
async def update(options: Options, spec: Path, *, reprocess: bool) -> None:
    """Let registered pipelines have another spec.

    Jobs that have not ended are run by the new one, those under way from their beginning; when there are none, one is
    made of what the inputs hold.
    """
    from runner.cli.world import opened
    from runner.store.jobs import pipelines
    from runner.store.pipelines import registry

    async with opened(options) as world:
        changed = []
        for one in _load(world, spec):
            before = await pipelines.inspect(world.store, one.pipeline.project, one.pipeline.name)
            changed.append(each := await registry.update(world.store, one.pipeline, reprocess=reprocess))
            is_same = before.version == each.version
            done = "the pipeline {} stays at" if is_same else "updated the pipeline {}, now at"
            remark(options, f"{done.format(each.name)} version {each.version}")
        _tell_written(world, changed)


def _load(world: World, spec: Path) -> Sequence[Loaded]:
    from runner.cli.spec import show_warnings
    from runner.spec.pipelines import load_pipelines

    loaded = load_pipelines(spec, project=world.project)
    show_warnings(loaded)
    return loaded


def _tell_written(world: World, written: Sequence[Registered]) -> None:
    from runner.cli import documents

    described = [documents.pipeline_info(each) for each in written]
    world.tell(described[0] if len(described) == 1 else described, [])


@pipeline.command("list")
@click.pass_obj
@in_trio
async def list_(options: Options) -> None:
    """List the pipelines of the project, each with its newest version and last job."""
    from runner.cli import documents, tables
    from runner.cli.looks import JOB_SIGNS
    from runner.cli.world import opened
    from runner.store.jobs import jobs, pipelines

    async with opened(options) as world:
        found = await pipelines.list_pipelines(world.store, world.project)
        last = {
            each.name: next(iter(await jobs.list_jobs(world.store, world.project, each.name, limit=1)), None)
            for each in found
        }
        columns = (
            tables.Column("NAME", gives=True),
            tables.Column("VERSION", right=True),
            tables.Column("STATE"),
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
            rows.append((each.name, str(each.version), _state(each), created, state, id_))
        world.tell(
            [documents.pipeline_info(each, last[each.name]) for each in found],
            tables.table(columns, rows, world.look),
            nothing="no pipelines yet; runner pipeline create SPEC or runner run SPEC makes one",
        )


@pipeline.command("inspect")
@_NAME
@click.option("--version", type=click.IntRange(1), help="Another version than the one in force.")
@click.pass_obj
@in_trio
async def inspect(options: Options, name: str, version: int | None) -> None:
    """Show a pipeline and its effective spec."""
    import json

    from rich.text import Text

    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store.jobs import pipelines

    async with opened(options) as world:
        found = await pipelines.inspect(world.store, world.project, name)
        shown = version or found.version
        spec = await pipelines.spec_of(world.store, world.project, name, shown)
        facts = tables.pairs(
            [
                ("pipeline", Text(found.name, style="bold")),
                ("version", f"{shown} of {found.newest}"),
                ("state", _state(found)),
                ("created", tables.exact(found.created, world.now, world.look)),
                ("digest", found.digest if shown == found.version else ""),
            ]
        )
        lines = [Text(line) for line in json.dumps(spec, indent=2, ensure_ascii=False).splitlines()]
        world.tell({**documents.pipeline_info(found), "details": spec}, [*facts, Text(), *lines])


def _state(pipeline: Registered) -> str:
    return _STATES[pipeline.state.value] if pipeline.state else "run by hand"


_STATES = {"RUNNING": "running", "PAUSED": "stopped"}


@pipeline.command("run")
@_NAME
@click.pass_obj
@in_trio
async def run(options: Options, name: str) -> None:
    """Make a job of what the inputs of a pipeline hold now, for a worker to take, and print PIPELINE@ID.

    A pipeline that a clock starts gets a tick of now instead, and with it its job.
    """
    import sys

    from runner.cli import documents
    from runner.cli.world import opened
    from runner.store.jobs import jobs
    from runner.store.pipelines import registry

    async with opened(options) as world:
        key = await registry.run(world.store, world.project, name, world.now)
        if options.is_json:
            world.tell(documents.job_info(await jobs.inspect(world.store, key)), [])
        else:
            sys.stdout.write(f"{key}\n")


@pipeline.command("stop")
@_NAME
@click.pass_obj
@in_trio
async def stop(options: Options, name: str) -> None:
    """Make and begin no jobs of a pipeline any more; one under way goes on to its end."""
    from runner.cli.world import opened
    from runner.store.pipelines import registry

    async with opened(options) as world:
        await registry.stop(world.store, world.project, name)
        remark(options, f"stopped the pipeline {name}")


@pipeline.command("start")
@_NAME
@click.pass_obj
@in_trio
async def start(options: Options, name: str) -> None:
    """Go on where a pipeline was stopped, with a job of what moved meanwhile."""
    from runner.cli.world import opened
    from runner.store.pipelines import registry

    async with opened(options) as world:
        await registry.start(world.store, world.project, name)
        remark(options, f"started the pipeline {name}")


@pipeline.command("delete")
@_NAME
@click.option("-f", "--force", is_flag=True, help="Also when other pipelines read its output.")
@click.option("--keep-repo", is_flag=True, help="Keep the repo of its output.")
@click.pass_obj
@in_trio
async def delete(options: Options, name: str, *, force: bool, keep_repo: bool) -> None:
    """Delete a pipeline with its jobs, which are stopped first, and the repo of its output."""
    from runner.cli.world import opened
    from runner.store.pipelines import deletion

    async with opened(options) as world:
        await deletion.delete(world.store, world.project, name, force=force, keep_repo=keep_repo)
        remark(options, f"deleted the pipeline {name}")
