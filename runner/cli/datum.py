"""``runner datum``: the pieces of work of a job."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun
from runner.model.errors import Invalid, NotFound


class NoSuchDatum(NotFound):
    """The job has no datum of that id."""


class SeveralDatums(Invalid):
    """Several datums of the job begin with these digits."""


@noun("datum")
def datum() -> None:
    """List and inspect the datums of a job."""


@datum.command("list")
@click.argument("name", metavar="JOB")
@click.pass_obj
@in_trio
async def list_(options: Options, name: str) -> None:
    """List the datums of a job, each with its tries."""
    from runner.cli import documents, tables
    from runner.cli.inquiry import datums_of, one_job
    from runner.cli.world import opened

    async with opened(options) as world:
        job = await one_job(world.store, world.project, name)
        found = await datums_of(world.store, job)
        world.tell(
            [documents.datum_info(job, datum, tries) for datum, tries in found],
            tables.datums_table(found, world.now, world.look),
            nothing=f"{job.key} has no datums",
        )


@datum.command("inspect")
@click.argument("name", metavar="JOB")
@click.argument("datum_id", metavar="DATUM")
@click.pass_obj
@in_trio
async def inspect(options: Options, name: str, datum_id: str) -> None:
    """Show the files and the tries of one datum; DATUM is its id or the first digits of it."""
    from rich.text import Text

    from runner.cli import documents, tables
    from runner.cli.inquiry import datums_of, one_job
    from runner.cli.looks import DATUM_SIGNS
    from runner.cli.world import opened

    async with opened(options) as world:
        job = await one_job(world.store, world.project, name)
        found = await datums_of(world.store, job, datum_id, limit=2)
        if not found:
            raise NoSuchDatum(f"{job.key} has no datum {datum_id}", hint=f"runner datum list {job.key}")
        if len(found) > 1:
            raise SeveralDatums(f"several datums begin with {datum_id}", hint="give more digits")
        ((datum, tries),) = found
        state = DATUM_SIGNS[datum.state].text(world.look)
        facts = tables.pairs([("datum", datum.id), ("job", str(job.key)), ("state", state)])
        world.tell(
            documents.datum_info(job, datum, tries),
            [
                *facts,
                Text(),
                *tables.datum_files_table(datum, world.look),
                *([Text(), *tables.attempts_table(tries, world.now, world.look)] if tries else []),
            ],
        )
