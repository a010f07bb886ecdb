"""``runner job``: what ran, how it ended, and what it said."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun
from runner.model.job import JobState

_JOB = click.argument("name", metavar="JOB")
_STATES = tuple(state.value.lower() for state in JobState)


@noun("job")
def job() -> None:
    """List, inspect and follow jobs; JOB is PIPELINE@ID or ID, which 8 digits name."""


@job.command("list")
@click.argument("name", metavar="[ID]", required=False)
@click.option("-p", "--pipeline", metavar="NAME", help="Only this pipeline's.")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES, case_sensitive=False), help="Only these.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.pass_obj
@in_trio
async def list_(options: Options, name: str | None, pipeline: str | None, states: tuple[str, ...], limit: int) -> None:
    """List jobs, newest first; with ID all jobs of that id."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store import jobs

    async with opened(options) as world:
        if name is not None:
            found = await jobs.find_jobs(world.store, world.project, name)
        else:
            wanted = [JobState(state.upper()) for state in states]
            found = await jobs.list_jobs(world.store, world.project, pipeline, states=wanted, limit=limit)
        world.tell(
            [documents.job_info(each) for each in found],
            tables.jobs_table(found, world.now, world.look),
            nothing="no such jobs" if name or pipeline or states else "no jobs yet; runner run SPEC makes one",
        )


@job.command("inspect")
@_JOB
@click.pass_obj
@in_trio
async def inspect(options: Options, name: str) -> None:
    """Tell the story of one job: state and reason, inputs, tries, what was read, what came out."""
    from runner.cli.inquiry import one_job, story_of
    from runner.cli.inspection import job_document, job_lines
    from runner.cli.world import opened

    async with opened(options) as world:
        story = await story_of(world.store, await one_job(world.store, world.project, name))
        world.tell(job_document(story), job_lines(story, world.now, world.look))
