"""``runner job``: what ran, how it ended, and what it said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from pathlib import Path

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.model.job import JobState

_JOB = click.argument("name", metavar="JOB")
_STATES = tuple(state.value.lower() for state in JobState)


@noun("job")
def job() -> None:
    """List, inspect, follow, stop, rerun and delete jobs; JOB is PIPELINE@ID or ID, which 8 digits name."""


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
    from runner.store.jobs import jobs

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


@job.command("wait")
@click.argument("name", metavar="JOB|ID")
@click.pass_obj
@in_trio
async def wait(options: Options, name: str) -> int:
    """Wait until a job, or with ID all jobs of that id, came to an end; ends with the job's own status."""
    from runner.cli import documents, tables
    from runner.cli.following import until_ended
    from runner.cli.inquiry import some_jobs
    from runner.cli.world import opened

    async with opened(options) as world:
        ended = [await until_ended(world.store, each.key) for each in await some_jobs(world.store, world.project, name)]
        world.tell([documents.job_info(each) for each in ended], tables.jobs_table(ended, world.now, world.look))
        return next((each.status for each in ended if each.status), 0)


@job.command("logs")
@_JOB
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends.")
@click.option("--datum", metavar="ID", default="", help="Only of this datum; its first digits will do.")
@click.option("--since", metavar="TIME", help="Only what is no older than 5m, 1h30m, or than an RFC 3339 time.")
@click.option("--user/--no-user", default=None, help="Lines of the user code alone, or none of them.")
@click.option("--system", is_flag=True, help="What the runner did, too, with times.")
@click.option("--raw", is_flag=True, help="Every record as a JSON line, as with -o json.")
@click.pass_obj
@in_trio
async def logs(
    options: Options,
    name: str,
    *,
    follow: bool,
    datum: str,
    since: str | None,
    user: bool | None,
    system: bool,
    raw: bool,
) -> None:
    """Print what the user code of a job wrote, line by line."""
    from runner.cli.following import Wanted, pages_of, read_since
    from runner.cli.inquiry import one_job
    from runner.cli.lines import Record, as_json, as_plain, as_seen
    from runner.cli.world import opened

    write: Callable[[Record], str | None]
    is_json = raw or options.is_json
    if user is None and not system and not is_json:
        user = True
    wanted = Wanted(user, datum, read_since(since) if since else None)
    async with opened(options) as world:
        found = await one_job(world.store, world.project, name)
        if is_json:
            write = as_json
        elif system or not user:
            write = as_plain
        elif world.look.is_terminal:
            write = partial(as_seen, look=world.look)
        else:
            write = itemgetter("message")
        async for page in pages_of(world.store, found.key, wanted, follow=follow):
            sys.stdout.write("".join(f"{write(record)}\n" for record in page))
            sys.stdout.flush()


@job.command("stop")
@_JOB
@click.pass_obj
@in_trio
async def stop(options: Options, name: str) -> None:
    """End a job before its time, wherever it runs, and wait until it has ended; nothing of it is published."""
    from runner.cli import documents, tables
    from runner.cli.following import until_ended
    from runner.cli.inquiry import one_job
    from runner.cli.world import opened
    from runner.store.pipelines import control

    async with opened(options) as world:
        found = await one_job(world.store, world.project, name)
        await control.stop(world.store, found.key)
        ended = await until_ended(world.store, found.key)
        world.tell(documents.job_info(ended), tables.jobs_table([ended], world.now, world.look))


@job.command("rerun")
@_JOB
@click.pass_obj
@in_trio
async def rerun(options: Options, name: str) -> None:
    """Make a job with the same inputs, for a worker to take, and print its PIPELINE@ID.

    It is run by the spec that its pipeline is registered with now.
    """
    from runner.cli import documents
    from runner.cli.inquiry import one_job
    from runner.cli.world import opened
    from runner.store.jobs import jobs
    from runner.store.pipelines import registry

    async with opened(options) as world:
        found = await one_job(world.store, world.project, name)
        key = await registry.rerun(world.store, found.key)
        if options.is_json:
            world.tell(documents.job_info(await jobs.inspect(world.store, key)), [])
        else:
            sys.stdout.write(f"{key}\n")


@job.command("delete")
@_JOB
@click.pass_obj
@in_trio
async def delete(options: Options, name: str) -> None:
    """Delete what is known of a job that has ended; its commit stays."""
    from runner.cli.inquiry import one_job
    from runner.cli.world import opened
    from runner.store.pipelines import control

    async with opened(options) as world:
        found = await one_job(world.store, world.project, name)
        await control.delete(world.store, found.key)
        remark(options, f"deleted the job {found.key}")


@job.command("finish")
@click.argument("name", metavar="PIPELINE@ID")
@click.option("--status", required=True, type=click.IntRange(0, 255), help="That the command ended with.")
@click.option("--admin", metavar="URL", help="Admin port of the job's sidecar; else that of this machine.")
@click.option(
    "--token-file", type=click.Path(dir_okay=False, path_type=Path), help="Holds the job's token; else PACH_TOKEN."
)
@click.pass_obj
def finish(options: Options, name: str, status: int, admin: str | None, token_file: Path | None) -> int:
    """Say that the command of a sidecar's job has ended, and wait until the job is settled; ends as the job ends.

    The same may be said again, for as long as the sidecar is there.
    """
    from runner.cli.finishing import ask_to_finish, read_token
    from runner.cli.report import Verdict, leave_last_words, say
    from runner.cli.world import print_json, settings_of

    url = admin or f"http://{settings_of(options).admin.listen}"
    result = ask_to_finish(url, name, status, read_token(token_file))
    ended = int(result["status"])
    if options.is_json:
        print_json(result)
    elif ended:
        say(Verdict(ended, str(result["message"])))
    else:
        sys.stdout.write(f"{name}\n")
    leave_last_words(str(result["message"]))
    return ended
