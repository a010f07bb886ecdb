"""``runner provenance``: where a commit is from."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun
from runner.model.errors import NotFound


class NoRecord(NotFound):
    """No job wrote the commit, so nothing is known of where it is from."""


@noun("provenance")
def provenance() -> None:
    """Show where a commit is from."""


@provenance.command("show")
@click.argument("address", metavar="ADDRESS|JOB")
@click.option("--all", "whole", is_flag=True, help="Every object that was read, not the first few of each input.")
@click.option(
    "--depth", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="So many jobs each way."
)
@click.pass_obj
@in_trio
async def show(options: Options, address: str, *, whole: bool, depth: int) -> None:
    """Show what a commit is from and what was made from it; with -o json the record as it was committed.

    What was read could have shaped the output; which of it did is not visible from outside the program.
    """
    from runner.cli.ancestry import ancestry, made_by
    from runner.cli.world import opened
    from runner.store.history import commits
    from runner.store.jobs import jobs

    async with opened(options) as world:
        where = world.place(address)
        commit = await commits.resolve(world.store, where)
        job = await made_by(world.store, commit)
        if options.is_json:
            record = await jobs.record(world.store, job.key) if job else None
            if record is None:
                raise NoRecord(f"{commit.repo}@{commit.id} was written by a client, not by a job")
            world.tell(record, ())
            return
        world.tell({}, await ancestry(world, commit, job, path=where.path, whole=whole, depth=depth))
